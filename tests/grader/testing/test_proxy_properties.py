"""Whatever the other side answers, or asks of the suite's functions: the proxy gives a value or the errors it names."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from grader.testing.compare import Mismatch, assert_close
from grader.testing.proxy import Channel, Handle, LearnerError, learner_error
from grader.wire.values import WireError, encode

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=6), st.binary(max_size=6)
)
nodes = st.recursive(
    plain,
    lambda inner: st.tuples(
        st.sampled_from("list tuple set dict handle callback int slice tensor unknown".split()),
        st.lists(inner, max_size=4),
    ).map(lambda node: [node[0], *node[1]]),
    max_leaves=10,
)


class Answering(Channel):
    """Answers every request with the same bytes, after asking the call-backs it is told to ask."""

    def __init__(self, answer: bytes, *calls: bytes) -> None:
        super().__init__("solution")
        self._answer = answer
        self._calls = calls
        self.replies: list[bytes] = []

    def exchange(self, request: bytes) -> bytes:  # noqa: ARG002
        self.replies += [self.answer(call) for call in self._calls]
        return self._answer


@FAST
@given(st.lists(nodes, max_size=6))
@example(["a", ["callback", 0]])
@example(["e", "ValueError", "ValueError", "text", ["list", ["list", 2**63, 5]]])
def test_answers(fields: list[Any]) -> None:
    channel = Answering(msgspec.msgpack.encode(["list", *fields]))
    with contextlib.suppress(LearnerError, WireError):
        channel.root(lambda x: x)


@FAST
@given(st.lists(nodes, max_size=5), st.lists(nodes, max_size=3))
@example([0, ["list"], ["dict", "f", 1]], [])
@example([0, ["list", ["handle", 5, "x", True]], ["dict"]], [])
def test_call_backs(fields: list[Any], extra: list[Any]) -> None:
    """A call the suite's function cannot take is answered with what it raised; what is no call at all is refused."""
    call = msgspec.msgpack.encode(["list", "c", *fields, *extra])
    channel = Answering(encode(["a", 1]), call)
    try:
        assert channel.root(lambda x: x * 2) == 1
    except WireError:
        return
    assert all(type(reply) is bytes for reply in channel.replies)


@pytest.mark.parametrize(
    "call",
    [
        ["c", 1, ["list", 1.0], ["dict"]],
        ["c", -1, ["list", 1.0], ["dict"]],
        ["c", 0, ["tuple", 1.0], ["dict"]],
        ["c", 0, ["list", 1.0], ["dict", 5, 1.0]],
        ["c", 0, ["list", 1.0]],
        ["r", 0, ["list", 1.0], ["dict"]],
    ],
)
def test_no_call_back_of_that_number_or_form(call: list[Any]) -> None:
    channel = Answering(encode(["a", 1]), msgspec.msgpack.encode(["list", *call]))
    asked: list[Any] = []
    with pytest.raises(WireError):
        channel.root(asked.append)
    assert asked == []


def test_an_int_beyond_any_float_is_told_as_a_mismatch() -> None:
    for expected in (5, 5.0, np.float64(5.0), np.int64(5), torch.tensor(5.0)):
        with pytest.raises(Mismatch):
            assert_close(2**4000, expected)


@pytest.mark.parametrize("base", [name for name in dir(builtins) if name[0].isupper()])
def test_every_builtin_as_a_base(base: str) -> None:
    """An error has the type it derives from, its own text, and never one that a loop or pytest takes for an end."""
    error = learner_error("Kind", base, "text of it", [(3, "f")])
    assert isinstance(error, LearnerError)
    assert (error.kind, error.text, error.frames) == ("Kind", "text of it", [(3, "f")])
    assert "Kind" in str(error)
    assert "text of it" in str(error)
    assert not isinstance(error, StopIteration | StopAsyncIteration)
    assert isinstance(error, Exception)


@FAST
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
@example("x", "__import__", "")
@example("x", "exit", "")
@example("x", "__name__", "")
def test_any_text_as_a_base(kind: str, base: str, text: str) -> None:
    assert isinstance(learner_error(kind, base, text, []), LearnerError)


@pytest.mark.parametrize(
    "loop",
    [list, tuple, lambda answers: [a for a in answers], lambda answers: list(zip(answers, [1, 2], strict=False))],
)
def test_no_loop_of_a_suite_ends_early(loop: Callable[[Any], Any]) -> None:
    channel = Answering(encode(["e", "StopIteration", "StopIteration", "", []]))
    with pytest.raises(LearnerError):
        loop(map(channel.root, [1.0, 2.0]))


def test_verdict_of_a_call_back_is_not_hidden_by_a_later_error() -> None:
    def only_numbers(x: Any) -> Any:
        assert x != 1.0, "asked at 1"
        return 2 * x["no dict"]

    calls = [encode(["c", 0, [value], {}]) for value in (1.0, 5.0)]
    with pytest.raises(AssertionError, match="asked at 1"):
        Answering(encode(["a", 0.0]), *calls).root(only_numbers)


OPERATIONS: list[Callable[[Handle], Any]] = [
    lambda h: h == 1, lambda h: h != 1, lambda h: h < 1, lambda h: h >= 1, lambda h: not h, lambda h: 1 in h,
    float, int, complex, bool, list, round, lambda h: [1, 2][h], lambda h: h in [1], lambda h: max(h, 1),
    lambda h: sorted([h, h]), lambda h: assert_close(h, 1.0), lambda h: assert_close([h], [1.0]), lambda h: f"{h:.3f}",
    lambda h: torch.equal(h, torch.ones(1)), lambda h: torch.ones(1) == h, lambda h: np.allclose(h, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_handles_do_not_answer_for_the_judge(number: int) -> None:
    channel = Answering(encode(["a", True]))
    handle = Handle(channel, 5, "f(...)", "Yes", False)
    with pytest.raises((TypeError, Mismatch)):
        OPERATIONS[number](handle)
    assert not channel.replies


@FAST
@given(nodes, st.sampled_from([1.0, 2, [1.0], {"a": 1}, "text", None, 10**30]))
def test_comparisons_fail_or_pass_on_whatever_came(node: Any, expected: Any) -> None:
    channel = Answering(msgspec.msgpack.encode(["list", "a", node]))
    try:
        actual = channel.root()
    except (LearnerError, WireError):
        return
    with contextlib.suppress(Mismatch):  # and nothing else: an error of the suite's own would blame the grader
        assert_close(actual, expected)

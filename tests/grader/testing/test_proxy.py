"""Handles take what suites write naturally, and refuse what would let the learner answer for the judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from grader.testing import Handle, LearnerError, fetch_list
from grader.testing.local import LocalChannel, module_from_source
from grader.testing.proxy import MAX_CALLBACKS_DEEP, Channel, learner_error
from grader.wire.values import WireError, decode, encode

Behind = Callable[[str], Handle]

SOURCE = """
class Value:
    def __init__(self, data):
        self.data = data
    def __add__(self, other):
        return Value(self.data + getattr(other, "data", other))
    __radd__ = __add__
    def __sub__(self, other):
        return Value(self.data - getattr(other, "data", other))
    def __rsub__(self, other):
        return Value(other - self.data)
    def __pow__(self, other):
        return Value(self.data ** other)
    def __matmul__(self, other):
        return Value(self.data * other.data)
    def __neg__(self):
        return Value(-self.data)
    def __len__(self):
        return 3
    def __getitem__(self, key):
        return (self.data, key)
    def __setitem__(self, key, value):
        self.data = (key, value)
    def __eq__(self, other):
        return True
    def __bool__(self):
        return True
    def __float__(self):
        return 1.0
    def __contains__(self, item):
        return True
    def __lt__(self, other):
        return True
    __hash__ = None

def double(x, *, times=2):
    return x * times

def apply(f, *args):
    return f(*args)

def swallow(f):
    try:
        return f()
    except BaseException:
        return "nothing happened"

class Odd(Exception):
    pass

def fail(kind):
    raise {"odd": Odd("strange"), "value": ValueError("bad"), "key": KeyError("k"), "os": FileNotFoundError(2, "gone"),
           "stop": StopIteration(5), "exit": SystemExit(1), "assert": AssertionError("no"), "empty": ValueError(),
           "unicode": UnicodeDecodeError("utf-8", b"x", 0, 1, "why")}[kind]
"""


@pytest.fixture
def solution(behind: Behind) -> Handle:
    return behind(SOURCE)


def test_values_go_in_and_come_out(solution: Handle) -> None:
    assert solution.double(4) == 8
    assert solution.double(x=[1], times=3) == [1, 1, 1]
    assert torch.equal(solution.double(torch.ones(2)), torch.full((2,), 2.0))
    assert isinstance(solution.double(np.float32(1)), np.float32)


def test_objects_take_arithmetic_attributes_and_items(solution: Handle) -> None:
    a, b = solution.Value(5), solution.Value(2)
    results = {(a + b).data: 7, (a + 1).data: 6, (1 + a).data: 6, (10 - a).data: 5, (a - b).data: 3}
    assert all(got == expected for got, expected in results.items())
    assert (a**2).data == 25
    assert (a @ b).data == 10
    assert (-a).data == -5
    assert len(a) == 3
    assert a[1:2] == (5, slice(1, 2, None))
    a["k"] = 1
    assert a.data == ("k", 1)
    a.data = 9
    assert a.data == 9
    assert repr(a) == "<Value object from Value(...)>"


def test_what_an_operator_does_not_take_is_the_learners_error(solution: Handle) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        solution.Value(1) * 2


REFUSED: dict[str, Callable[[Any], object]] = {
    "==": lambda v: v == v,
    "!=": lambda v: v != 1,
    "reflected ==": lambda v: v == 1,
    "<": lambda v: v < 1,
    ">=": lambda v: v >= 1,
    "truth": lambda v: bool(v),
    "if": lambda v: 1 if v else 2,
    "not": lambda v: not v,
    "in": lambda v: 1 in v,
    "in a list": lambda v: 1 in [v],
    "float": lambda v: float(v),
    "int": lambda v: int(v),
    "complex": lambda v: complex(v),
    "index": lambda v: [1, 2][v],
    "for": lambda v: [x for x in v],
    "unpacking": lambda v: [*v],
    "max": lambda v: max(v, v),
    "math": lambda v: __import__("math").sqrt(v),
    "isclose": lambda v: __import__("math").isclose(v, 1.0),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_handle_does_not_answer_for_itself(solution: Handle, what: str) -> None:
    with pytest.raises(TypeError, match=r"cannot answer for itself|does not iterate"):
        REFUSED[what](solution.Value(1))


def test_hash_and_type_are_the_judges_own(solution: Handle) -> None:
    value = solution.Value(1)
    assert type(value) is Handle
    assert hash(value) == object.__hash__(value)
    with pytest.raises(AttributeError):
        value.__array__  # noqa: B018
    with pytest.raises(AttributeError):
        value.__torch_function__  # noqa: B018


def test_functions_are_fetched_once_and_forgotten_when_set(solution: Handle) -> None:
    assert solution.double is solution.double
    assert solution.Value is solution.Value
    value = solution.Value(1)
    value.f = solution.double
    assert value.f is not value.f  # only the module's own: an object may answer otherwise each time
    solution.double = solution.apply
    assert solution.double(solution.Value, 3).data == 3


def test_hasattr_works(solution: Handle) -> None:
    assert hasattr(solution, "double")
    assert not hasattr(solution, "nothing")
    assert getattr(solution, "nothing", 7) == 7


def test_call_backs_are_called_with_values(solution: Handle) -> None:
    seen: list[Any] = []

    def f(*args: Any) -> float:
        seen.append(args)
        return 0.5

    assert solution.apply(f, 1, np.ones(2)) == 0.5
    assert seen[0][0] == 1
    assert isinstance(seen[0][1], np.ndarray)


def test_call_backs_get_objects_as_handles_and_may_use_them(solution: Handle) -> None:
    value = solution.Value(4)
    assert solution.apply(lambda v: v.data + 1, value) == 5
    assert solution.apply(lambda v: v + 1, value).data == 5


def test_calls_nest(solution: Handle) -> None:
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + solution.apply(down, n - 1)

    assert solution.apply(down, 8) == 8


def test_nesting_is_bounded(solution: Handle) -> None:
    def endless() -> int:
        return solution.apply(endless)  # type: ignore[no-any-return]

    with pytest.raises((WireError, LearnerError), match=f"nested more than {MAX_CALLBACKS_DEEP} deep"):
        solution.apply(endless)


def test_an_assertion_in_a_call_back_stands_whatever_the_learner_does(solution: Handle) -> None:
    def f() -> None:
        raise AssertionError("called with the wrong argument")

    with pytest.raises(AssertionError, match="called with the wrong argument") as caught:
        solution.swallow(f)
    assert not isinstance(caught.value, LearnerError)
    assert solution.swallow(lambda: 1) == 1  # and only that call


def test_an_assertion_in_a_nested_call_back_stands(solution: Handle) -> None:
    def inner() -> None:
        raise AssertionError("inner")

    with pytest.raises(AssertionError, match="inner"):
        solution.swallow(lambda: solution.swallow(inner))


def test_an_assertion_is_not_hidden_by_a_later_error(behind: Behind) -> None:
    twice = behind(SOURCE + "\ndef twice(f, g):\n    return swallow(f), swallow(g)\n")

    def fails() -> None:
        raise AssertionError("first")

    def breaks() -> None:
        raise ValueError("second")

    with pytest.raises(AssertionError, match="first"):
        twice.twice(fails, breaks)


def test_other_errors_of_a_call_back_are_the_learners_to_handle(solution: Handle) -> None:
    def f() -> None:
        raise ValueError("outside")

    assert solution.swallow(f) == "nothing happened"
    with pytest.raises(ValueError, match="outside"):
        solution.apply(f)


def test_a_call_back_that_answers_with_no_value_is_an_error(solution: Handle, behind: Behind) -> None:
    foreign = behind(SOURCE).Value(1)
    with pytest.raises(TypeError, match="was given to the solution"):
        solution.apply(lambda: foreign)
    with pytest.raises(TypeError, match="cannot be handed to the solution"):
        solution.apply(lambda: object())


@pytest.mark.parametrize("given", [object(), Ellipsis, type("T", (), {})()], ids=["object", "ellipsis", "instance"])
def test_what_is_no_value_cannot_be_given(solution: Handle, given: object) -> None:
    if given is Ellipsis:  # a value after all: tensors are indexed by it
        assert solution.Value(1)[...] == (1, ...)
    else:
        with pytest.raises(TypeError, match="cannot be handed"):
            solution.double(given)


def test_handles_of_another_side_cannot_be_given(solution: Handle) -> None:
    other = LocalChannel(module_from_source(SOURCE, "<other>", "other"), "reference").root
    with pytest.raises(TypeError, match="an object of the reference was given to the solution"):
        solution.double(other.Value(1))


@pytest.mark.parametrize(
    ("kind", "also", "text"),
    [
        ("odd", Exception, "Odd: strange"),
        ("value", ValueError, "ValueError: bad"),
        ("empty", ValueError, "ValueError"),
        ("key", KeyError, "KeyError: 'k'"),
        ("os", FileNotFoundError, "FileNotFoundError: [Errno 2] gone"),
        ("unicode", Exception, "UnicodeDecodeError: 'utf-8' codec"),
        ("assert", AssertionError, "AssertionError: no"),
        ("exit", Exception, "SystemExit: 1"),
    ],
)
def test_exceptions_are_also_the_builtin_they_derive_from(
    solution: Handle, kind: str, also: type[Exception], text: str
) -> None:
    with pytest.raises(also) as caught:
        solution.fail(kind)
    error = caught.value
    assert isinstance(error, LearnerError)
    assert str(error).startswith(text)
    assert [name for _, name in error.frames] == ["fail"]


def test_stop_iteration_does_not_end_a_loop_of_the_suite(solution: Handle) -> None:
    with pytest.raises(LearnerError, match="StopIteration: 5"):
        list(map(solution.fail, ["stop", "stop"]))


@pytest.mark.parametrize(
    "base", ["print", "int", "nothing", "BaseException", "KeyboardInterrupt", "ExceptionGroup", ""]
)
def test_a_base_that_is_no_plain_exception_gives_a_plain_error(base: str) -> None:
    error = learner_error("Kind", base, "text", [(1, "f")])
    assert type(error) is LearnerError
    assert (error.kind, error.text, error.frames) == ("Kind", "text", [(1, "f")])


class Scripted(Channel):
    """Answers with what it was told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__("solution")
        self._answer = answer

    def exchange(self, request: bytes) -> bytes:  # noqa: ARG002
        return self._answer if isinstance(self._answer, bytes) else encode(self._answer, lambda node: node)


class Node(list[Any]):
    """A node of the wire put into an answer as it is."""


@pytest.mark.parametrize(
    "answer",
    [
        b"\xc1",
        [],
        ["a"],
        ["a", 1, 2],
        ["z", 1],
        ["e", "ValueError"],
        ["e", 1, "ValueError", "text", []],
        ["e", "ValueError", "ValueError", "text", "frames"],
    ],
    ids=repr,
)
def test_what_is_neither_answer_nor_exception_is_refused(answer: Any) -> None:
    with pytest.raises(WireError):
        Scripted(answer).root.f  # noqa: B018


@pytest.mark.parametrize("size", [-1, 2**31, 1.5, True, "3"])
def test_a_length_is_an_int_within_bounds(size: Any) -> None:
    with pytest.raises(WireError, match="a length that is no int"):
        len(Scripted(["a", size]).root)


def test_frames_that_are_none_are_dropped() -> None:
    frames = [[3, "f"], [0, "f"], [-1, "f"], ["3", "f"], [3], [10**9, "g"], [4, "g" * 200]]
    with pytest.raises(LearnerError) as caught:
        Scripted(["e", "K" * 300, "B" * 300, "t" * 9000, frames]).root.f  # noqa: B018
    assert caught.value.frames == [(3, "f"), (4, "g" * 80)]
    assert (len(caught.value.kind), len(caught.value.text)) == (80, 2000)


@pytest.mark.parametrize(
    "message",
    [
        ["c", 5, [], {}],
        ["c", -1, [], {}],
        ["c", "0", [], {}],
        ["c", 0, (), {}],
        ["c", 0, [], {1: 2}],
        ["c", 0],
        ["q", 0, [], {}],
        "c",
    ],
    ids=repr,
)
def test_call_backs_that_were_not_given_are_not_called(message: Any) -> None:
    channel = Scripted(["a", None])
    called: list[Any] = []
    channel.callbacks.append(lambda *args: called.append(args))
    with pytest.raises(WireError):
        channel.answer(encode(message))
    assert not called
    assert decode(channel.answer(encode(["c", 0, [1], {}]))) == ["r", None]
    assert called == [(1,)]


def test_fetch_list_brings_at_most_the_limit(solution: Handle, behind: Behind) -> None:
    numbers = behind("def numbers():\n    n = 0\n    while True:\n        yield n\n        n += 1\n")
    assert fetch_list(numbers.numbers(), 4) == [0, 1, 2, 3]
    objects = behind(SOURCE + "\ndef values():\n    return (Value(i) for i in range(3))\n")
    assert [value.data for value in fetch_list(objects.values())] == [0, 1, 2]
    with pytest.raises(TypeError):
        fetch_list(solution.double)

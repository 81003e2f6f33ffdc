"""`keep` leaves a value on its side, so that what is the learner's own business is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from grader.judge.replay import decoded
from grader.testing import Handle, Mismatch, keep, keep_item
from grader.testing.local import LocalChannel, module_from_source

SOURCE = """
def forward(x):
    return [2 * v for v in x], {"x": x}

def backward(g, cache):
    cache["used"] = cache.get("used", 0) + 1
    return [g * v for v in cache["x"]], cache["used"]

def broken():
    raise KeyError("no")
"""


class Recording(LocalChannel):
    """A local channel that keeps what was answered."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.answers: list[Any] = []

    def exchange(self, request: bytes) -> bytes:
        answer = super().exchange(request)
        self.answers.append(decoded(answer))
        return answer


@pytest.fixture
def channel() -> Recording:
    return Recording(module_from_source(SOURCE, "keep.py"), "solution")


def test_a_kept_value_is_a_handle_with_items_and_length(channel: Recording) -> None:
    pair = keep(channel.root.forward, [1.0, 2.0])
    assert isinstance(pair, Handle)
    assert len(pair) == 2
    assert pair[0] == [2.0, 4.0]


def test_a_kept_item_goes_back_as_the_same_object(channel: Recording) -> None:
    cache = keep_item(keep(channel.root.forward, [1.0, 2.0]), 1)
    assert channel.root.backward(3.0, cache) == ([3.0, 6.0], 1)
    assert channel.root.backward(3.0, cache)[1] == 2


def test_what_is_kept_is_in_no_answer(channel: Recording) -> None:
    keep_item(keep(channel.root.forward, [1.25]), 1)
    assert "1.25" not in repr(channel.answers)


def test_exceptions_come_over_as_ever(channel: Recording) -> None:
    with pytest.raises(KeyError):
        keep(channel.root.broken)


def test_an_answer_that_is_no_handle_is_refused() -> None:
    class Lying(LocalChannel):
        def request(self, label: str, op: str, *fields: Any) -> Any:
            return 7 if op == "keep" else super().request(label, op, *fields)

    root = Lying(module_from_source(SOURCE, "keep.py"), "solution").root
    with pytest.raises(Mismatch):
        keep(root.forward, [1.0])

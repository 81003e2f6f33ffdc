"""Requests on a module, asked as bytes and answered as bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from grader.wire import interpreter as module
from grader.wire.interpreter import Interpreter, describe, frames, seed_everything, shares_memory
from grader.wire.values import decode, encode

FILE = "<solution>/a/b.py"
SOURCE = """
import math, random

LIMIT = 3

class Counter:
    def __init__(self, items):
        self.items = list(items)
    def __len__(self):
        return len(self.items)
    def __getitem__(self, key):
        return self.items[key]
    def __setitem__(self, key, value):
        self.items[key] = value
    def __add__(self, other):
        return Counter(self.items + (other.items if isinstance(other, Counter) else [other]))
    def __radd__(self, other):
        return Counter([other] + self.items)
    def __neg__(self):
        return Counter(self.items[::-1])

def double(x):
    return 2 * x

def fails(x):
    return inner(x)

def inner(x):
    raise KeyError("not there")

def apply(f, x):
    return f(x)

def catches(f):
    try:
        f(1)
    except ValueError as error:
        return "caught " + str(error)

def keeps(f):
    return f

def grows(items):
    items.append(1)
    return items

def leaves():
    raise SystemExit(0)
"""


class Asker:
    """Requests in plain values; handles are `Mark`s, call-backs are answered by `reply`."""

    def __init__(self, source: str, reply: Callable[[list[Any]], list[Any]] = lambda _: ["r", None]) -> None:
        solution = ModuleType("solution")
        solution.__file__ = FILE
        exec(compile(source, FILE, "exec"), vars(solution))
        self.asked: list[list[Any]] = []
        self._reply = reply
        self.interpreter = Interpreter(solution, self._answer)

    def _answer(self, message: bytes) -> bytes:
        self.asked.append(decode(message, _mark))
        return encode(self._reply(self.asked[-1]), _node)

    def __call__(self, op: str, *fields: object) -> Any:
        return decode(self.interpreter.run(encode(["q", op, *fields], _node)), _mark)

    def value(self, op: str, *fields: object) -> Any:
        kind, value = self(op, *fields)
        assert kind == "a"
        return value

    def function(self, name: str) -> Mark:
        found = self.value("get", ROOT, name)
        assert isinstance(found, Mark)
        return found


class Mark:
    def __init__(self, tag: str, *fields: Any) -> None:
        self.tag, self.fields = tag, fields


def _mark(tag: str, fields: list[Any]) -> Mark:
    return Mark(tag, *fields)


def _node(value: object) -> list[Any]:
    assert isinstance(value, Mark)
    return [value.tag, value.fields[0]]


ROOT = Mark("handle", 0)
F = Mark("callback", 0)


@pytest.fixture
def ask() -> Asker:
    return Asker(SOURCE)


def test_values_come_by_value_and_the_rest_as_counted_handles(ask: Asker) -> None:
    assert ask.value("get", ROOT, "LIMIT") == 3
    double, counter = ask.function("double"), ask.function("Counter")
    assert (double.tag, double.fields) == ("handle", (1, "function", True))
    assert counter.fields == (2, "type", True)
    assert ask.value("call", double, [4], {}) == 8
    made = ask.value("call", counter, [], {"items": [1, 2]})
    assert made.fields == (3, "Counter", False)


def test_operations_on_an_object(ask: Asker) -> None:
    made = ask.value("call", ask.function("Counter"), [[5, 6, 7]], {})
    assert ask.value("len", made) == 3
    assert ask.value("item", made, 1) == 6
    assert ask.value("item", made, slice(None, 2)) == [5, 6]
    assert ask.value("set_item", made, 0, 9) is None
    assert ask.value("list", made, 2) == [9, 6]
    assert ask.value("list", made, 10) == [9, 6, 7]
    assert ask.value("set", made, "items", [1]) is None
    assert ask.value("get", made, "items") == [1]
    for operands, expected in (([made, 2], [1, 2]), ([0, made], [0, 1]), ([made, made], [1, 1])):
        assert ask.value("list", ask.value("operator", "add", operands), 9) == expected
    assert ask.value("list", ask.value("operator", "neg", [made]), 9) == [1]


def test_an_endless_iterator_is_cut() -> None:
    ask = Asker("import itertools\ndef count():\n    return itertools.count()\n")
    counted = ask.value("call", ask.function("count"), [], {})
    assert ask.value("list", counted, 3) == [0, 1, 2]


@pytest.mark.parametrize("operation", ["eq", "__class__", "attrgetter", "setitem", "call"])
def test_only_arithmetic_is_an_operator(ask: Asker, operation: str) -> None:
    kind, name, *_ = ask("operator", operation, [1, 2])
    assert (kind, name) == ("e", "WireError")


def test_what_is_kept_stays_a_handle(ask: Asker) -> None:
    kept = ask.value("keep", "call", ask.function("double"), [4], {})
    assert kept.fields == (2, "int", False)
    assert ask.value("call", ask.function("double"), [kept], {}) == 16


def test_a_result_too_large_is_an_exception_of_that_call_only(ask: Asker) -> None:
    kind, name, base, text, _ = ask("call", ask.function("double"), ["x" * 1_000_000], {})
    assert (kind, name, base) == ("e", "WireError", "ValueError")
    assert "a string of 2000000 characters" in text
    assert ask.value("call", ask.function("double"), [1], {}) == 2


def test_exceptions_are_described_with_the_files_own_lines(ask: Asker) -> None:
    answer = ask("call", ask.function("fails"), [1], {})
    lines = SOURCE.splitlines()
    assert answer[:4] == ["e", "KeyError", "KeyError", "'not there'"]
    assert [(lines[line - 1].strip(), name) for line, name in answer[4]] == [
        ("return inner(x)", "fails"),
        ('raise KeyError("not there")', "inner"),
    ]


def test_leaving_is_an_exception_like_any_other(ask: Asker) -> None:
    assert ask("call", ask.function("leaves"), [], {})[:3] == ["e", "SystemExit", "SystemExit"]


@pytest.mark.parametrize("request_", [["nothing"], ["get"], ["call", 5], ["len", Mark("handle", 99)], ["x", ROOT]])
def test_requests_that_make_no_sense_are_answered(ask: Asker, request_: list[Any]) -> None:
    assert ask(*request_)[0] == "e"


def test_call_backs_are_asked_and_their_answers_used() -> None:
    ask = Asker(SOURCE, lambda call: ["r", call[2][0] + 100])
    assert ask.value("call", ask.function("apply"), [F, 5], {}) == 105
    assert ask.asked == [["c", 0, [5], {}]]


def test_a_call_back_may_be_given_an_object_of_the_modules() -> None:
    ask = Asker(SOURCE, lambda call: ["r", call[2][0]])
    made = ask.value("call", ask.function("Counter"), [[1]], {})
    same = ask.value("call", ask.function("apply"), [F, made], {})
    assert ask.value("list", same, 9) == [1]


def test_a_call_back_that_is_returned_is_the_suites_own(ask: Asker) -> None:
    returned = ask.value("call", ask.function("keeps"), [F], {})
    assert (returned.tag, returned.fields) == ("callback", (0,))


@pytest.mark.parametrize(
    ("raised", "arrives"),
    [
        (["x", "ValueError", "outside"], "caught outside"),
        (["x", "KeyError", "outside"], ["e", "KeyError", "KeyError", "'outside'"]),
        (["x", "UnicodeDecodeError", "outside"], ["e", "RuntimeError", "RuntimeError", "outside"]),
        (["x", "SuitesOwn", "outside"], ["e", "RuntimeError", "RuntimeError", "outside"]),
        (["x", "SystemExit", "outside"], ["e", "RuntimeError", "RuntimeError", "outside"]),
        (["x", "print", "outside"], ["e", "RuntimeError", "RuntimeError", "outside"]),
    ],
)
def test_what_a_call_back_raises_is_raised_as_the_builtin(raised: list[Any], arrives: Any) -> None:
    ask = Asker(SOURCE, lambda _: raised)
    answer = ask("call", ask.function("catches"), [F], {})
    assert (answer[1] if answer[0] == "a" else answer[:4]) == arrives


def test_objects_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HANDLES", 2)
    ask = Asker(SOURCE)
    ask.function("double")
    ask.function("double")
    assert ask("get", ROOT, "double")[:4] == ["e", "WireError", "ValueError", "more than 2 objects handed out"]


def test_observe_tells_what_became_of_the_arguments(ask: Asker) -> None:
    seen = ask.value("observe", ask.function("grows"), [[0]], {})
    assert seen == {"value": [0, 1], "args": [[0, 1]], "kwargs": {}, "shares": [False]}
    array = np.arange(3)
    seen = ask.value("observe", ask.function("apply"), [ask.function("keeps")], {"x": array})
    assert seen["shares"] == [False, True]
    assert list(seen["kwargs"]) == ["x"]


@pytest.mark.parametrize("side", [np.arange(6.0), torch.arange(6.0)], ids=["numpy", "torch"])
def test_shares_memory(side: Any) -> None:
    copy = side.clone() if isinstance(side, torch.Tensor) else side.copy()
    assert shares_memory(side, side[2:])
    assert shares_memory(side.reshape(2, 3), side)
    assert not shares_memory(side, copy)
    assert not shares_memory(side[:0], side)
    assert not shares_memory(side, [1])
    assert not shares_memory(3.0, side)


@pytest.mark.parametrize("dotted", ["os.system", "torch.nothing", "sys"])
def test_libraries_are_named_ones(ask: Asker, dotted: str) -> None:
    assert ask("library", dotted)[0] == "e"
    assert ask.value("library", "torch.nn.Linear").fields[1:] == ("type", True)
    assert ask.value("library", "numpy.pi") == np.pi


def test_seed_resets_every_generator(ask: Asker) -> None:
    import random

    drawn = []
    for seed in (7, 7, 8):
        assert ask.value("seed", seed) is None
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
    assert drawn[0] == drawn[1]
    assert all(a != b for a, b in zip(drawn[0], drawn[2], strict=True))
    seed_everything(2**63 - 1)  # larger than NumPy takes


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Deep(ZeroDivisionError):
    pass


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Silent(), ["Silent", "Exception", "(its message could not be made into text)"]),
        (Deep("x"), ["Deep", "ZeroDivisionError", "x"]),
        (ValueError("y" * 5000), ["ValueError", "ValueError", "y" * 2000]),
        (KeyboardInterrupt(), ["KeyboardInterrupt", "KeyboardInterrupt", ""]),
    ],
)
def test_describe(error: BaseException, told: list[str]) -> None:
    assert describe(error, FILE) == [*told, []]


def test_frames_of_a_deep_recursion_are_the_innermost() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def f(n):\n    if n == 0:\n        1 / 0\n    f(n - 1)\n", FILE, "exec"), namespace)
    with pytest.raises(ZeroDivisionError) as caught:
        namespace["f"](50)
    found = frames(caught.value, FILE)
    assert len(found) == module.MAX_FRAMES
    assert found[-1] == [3, "f"]
    assert found[0] == [4, "f"]


def test_frames_of_a_syntax_error() -> None:
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = (\n", FILE, "exec")
    assert frames(caught.value, FILE) == [[2, ""]]
    assert frames(caught.value, "another.py") == []


def test_a_library_not_loaded_is_not_loaded_for_this(monkeypatch: pytest.MonkeyPatch, ask: Asker) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    assert ask("library", "torch.nn.Linear")[:4] == ["e", "WireError", "ValueError", "no library torch here"]

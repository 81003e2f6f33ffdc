"""When two answers are the same, for the search of a mistake; references with mistakes put in."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from grader.judge.replay import Reference, decoded, same, same_answer
from grader.wire.values import encode

NAN, INF = float("nan"), float("inf")
T = torch.tensor
SAME: list[tuple[Any, Any]] = [
    (1.0, 1.0 + 1e-9),
    (1, 1.0),
    (np.float64(2.0), 2.0),
    (NAN, NAN),
    (INF, INF),
    (0.0, 1e-13),
    (1j, 1j + 1e-9),
    ([1, (2.0, "a")], [1, (2.0, "a")]),
    ({"a": T([1.0])}, {"a": T([1.0 + 1e-5])}),
    (T([1.0, 2.0]), T([1.0001, 2.0])),
    (T([1000.0, 0.0]), T([1000.0, 1e-5])),  # cancellation leaves noise
    (T([NAN, -INF]), T([NAN, -INF])),
    (T([1.0]).bfloat16(), T([1.015625]).bfloat16()),
    (T([True]), T([True])),
    (np.arange(3), np.arange(3)),
    (np.zeros((0, 3)), np.zeros((0, 3))),
    (torch.float32, torch.bfloat16),  # dtypes are not what is compared
    (random.Random(1), random.Random(2)),
    (None, None),
]
OTHER: list[tuple[Any, Any]] = [
    (1.0, 1.0 + 1e-5),
    (1, 2),
    (1, True),
    (True, 1.0),
    (NAN, 1.0),
    (INF, -INF),
    (INF, 1e300),
    (10**400, 0.5),
    (0.5, 10**400),
    ([1], (1,)),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    ("a", "b"),
    (b"a", "a"),
    (None, 0),
    (None, False),
    ({1}, {2}),
    (T([1.0]), T([1.001])),
    (T([1.0]), T([1.0]).double()),
    (T([1.0]), T([[1.0]])),
    (T([1.0]), np.array([1.0], "f4")),
    (T([1]), T([2])),
    (T([NAN]), T([0.0])),
    (T([INF]), T([-INF])),
    (T([1.0, INF]), T([2.0, INF])),
    (T([True]), T([False])),
    (T(1.0), 1.0),
]


@pytest.mark.parametrize(("a", "b"), SAME, ids=lambda value: repr(value).partition(" at 0x")[0])
def test_same(a: Any, b: Any) -> None:
    assert same(a, b)
    assert same(b, a)


@pytest.mark.parametrize(("a", "b"), OTHER, ids=range(len(OTHER)))
def test_other(a: Any, b: Any) -> None:
    assert not same(a, b)
    assert not same(b, a)


def test_exceptions_are_the_same_by_type() -> None:
    frames = [[1, "f"]]
    assert same_answer(["e", "ValueError", "ValueError", "one", []], ["e", "ValueError", "ValueError", "two", frames])
    assert not same_answer(["e", "ValueError", "ValueError", "one", []], ["e", "KeyError", "KeyError", "one", []])
    assert not same_answer(["e", "ValueError", "ValueError", "one", []], ["a", None])


def test_handles_are_the_same_whatever_their_number_and_type() -> None:
    def message(*fields: object) -> bytes:
        return encode(["a", object()], lambda _: ["handle", *fields])

    assert same(decoded(message(1, "Value", False)), decoded(message(9, "Wert", False)))
    assert not same(decoded(message(1, "Value", False)), decoded(message(1, "Value", True)))
    assert not same(decoded(message(1, "Value", False)), decoded(encode(["a", 1])))
    assert decoded(b"\xc1") is None


SOURCE = """
from grader.marks import mistake
count = 0
def f(): return 1
class C:
    def m(self): return 1
@mistake("wrong", of="f")
def g(): return 2
@mistake("wrong", of="C.m")
def n(self): return 2
"""


def test_variants_are_fresh_modules_with_the_marked_put_in() -> None:
    reference = Reference(SOURCE, "reference/a/b.py")
    g, n = reference.mistakes
    first, second, third = reference.variant(), reference.variant(g), reference.variant(g, n)
    assert [module.f() for module in (first, second, third)] == [1, 2, 2]
    assert [module.C().m() for module in (first, second, third)] == [1, 1, 2]
    first.count = 5
    assert reference.variant().count == 0
    assert reference.variant().C().m() == 1  # a class is not changed for those who come after


def test_a_reference_that_does_not_compile_is_told() -> None:
    with pytest.raises(SyntaxError, match="invalid syntax"):
        Reference("def f(:\n", "reference/a/b.py")

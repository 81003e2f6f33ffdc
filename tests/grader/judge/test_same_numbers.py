"""Which numbers count as the same answer when a mistake is looked for, and mistakes that replace one method."""

from __future__ import annotations

import math

import numpy as np
import pytest

from grader.judge.replay import Reference, same

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("a", "b"),
    [(0, 0.0), (1.0, 1), (np.float64(2.5), 2.5), (1.0, 1.0 + 1e-9), (INF, INF), (NAN, NAN), (2 + 1j, 2 + 1j)],
)
def test_the_same(a: object, b: object) -> None:
    assert same(a, b)
    assert same(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [(INF, 1.0), (INF, -INF), (NAN, 1.0), (1, 2), (10**400, 1.0), (True, 1.0), (1.0, 1.0 + 1e-5), (np.float32(2), 2.0)],
)
def test_not_the_same(a: object, b: object) -> None:
    assert not same(a, b)
    assert not same(b, a)


def test_a_mistake_may_replace_one_method() -> None:
    source = """
from grader.marks import mistake

class Counter:
    def one(self):
        return 1
    def two(self):
        return self.one() + 1

@mistake("It counts from zero.", of="Counter.one")
def zero(self):
    return 0
"""
    reference = Reference(source, "counter.py")
    (mark,) = reference.mistakes
    assert reference.variant(mark).Counter().two() == 1
    assert reference.variant().Counter().two() == 2

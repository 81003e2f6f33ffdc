"""The curves of checks: thinned, finite, of the running check only, told at a pace."""

from __future__ import annotations

import math

import pytest

from grader.curves import MAX_POINTS
from grader.judge.curves import MAX_CURVES, Curves
from grader.model import Point


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    curves = Curves(lambda _: None)
    curves.begin("a")
    for step in range(10_001):
        curves.add("a", "A", "loss", step, -step)
    (curve,) = curves.end()
    assert MAX_POINTS // 4 < len(curve.x) <= MAX_POINTS
    assert (curve.x[0], curve.x[-1]) == (0.0, 10_000.0)
    assert curve.y == tuple(-x for x in curve.x)
    assert list(curve.x) == sorted(curve.x)


def test_points_come_of_the_running_check_and_are_finite() -> None:
    told: list[Point] = []
    curves = Curves(told.append)
    curves.add("a", "A", "loss", 0, 1)
    curves.begin("a")
    curves.add("a", "A", "loss", 0, math.nan)
    curves.add("a", "A", "loss", math.inf, 0)
    curves.add("b", "B", "loss", 0, 1)
    curves.add("a", "A", "loss\x1b[31m", 1, 2)
    assert [(point.curve, point.x, point.y) for point in told] == [(told[0].curve, 1.0, 2.0)]
    assert "\x1b" not in told[0].curve
    assert len(curves.end()) == 1
    assert curves.end() == ()


def test_not_more_curves_than_can_be_shown() -> None:
    curves = Curves(lambda _: None)
    curves.begin("a")
    for number in range(MAX_CURVES + 3):
        curves.add("a", "A", f"curve {number}", 0, 0)
    assert len(curves.end()) == MAX_CURVES


def test_what_is_no_number_is_refused() -> None:
    curves = Curves(lambda _: None)
    curves.begin("a")
    with pytest.raises((TypeError, ValueError)):
        curves.add("a", "A", "loss", 0, "low")  # type: ignore[arg-type]

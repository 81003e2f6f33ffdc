"""Curves as faces gather and tell them: thinned, one check at a time, in words and in blocks."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from grader.curves import BLOCKS, MAX_POINTS, Drawing, Growing, sparkline, words
from grader.model import Curve, Point

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=3 * MAX_POINTS))
def test_a_curve_keeps_its_ends_and_its_order(points: list[tuple[float, float]]) -> None:
    growing = Growing()
    for x, y in points:
        growing.add(x, y)
    curve = growing.curve("loss")
    kept = list(zip(curve.x, curve.y, strict=True))
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert len(kept) <= MAX_POINTS
    if len(points) < MAX_POINTS:
        assert kept == points
    rest = iter(points)
    assert all(each in rest for each in kept)


def test_a_drawing_has_the_curves_of_the_newest_check() -> None:
    drawing = Drawing()
    assert drawing.curves == ()
    drawing.add(Point("a", "A", "loss", 0, 9))
    for step in range(3):
        assert drawing.add(Point("b", "B", "loss", step, -step)).y[-1] == -step
        drawing.add(Point("b", "B", "size", step, 1))
    assert (drawing.check, drawing.title) == ("b", "B")
    assert drawing.curves == (Curve("loss", (0, 1, 2), (0, -1, -2)), Curve("size", (0, 1, 2), (1, 1, 1)))


def test_words_tell_both_ends() -> None:
    assert words(Curve("loss", (0, 10, 400), (4.1744, 9.0, 1.9349))) == "loss from 4.174 to 1.935, at 400"
    assert words(Curve("loss", (25,), (4.0,))) == "loss 4, at 25"


def test_a_sparkline_falls_with_its_values() -> None:
    assert sparkline([7, 6, 5, 4, 3, 2, 1, 0], 8) == BLOCKS[::-1]
    assert sparkline([4, 4, 0, 0], 2) == "█▁"
    assert sparkline([3.0] * 5, 24) == BLOCKS[3] * 5


@given(st.lists(FINITE, min_size=1, max_size=200), st.integers(1, 60))
def test_a_sparkline_of_whatever_numbers(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(width, len(values))
    assert set(line) <= set(BLOCKS)
    if len(values) <= width and not math.isclose(min(values) / 2, max(values) / 2):
        assert line[values.index(min(values))] == BLOCKS[0]
        assert line[values.index(max(values))] == BLOCKS[-1]

"""The sides of a comparison as grids: where a cell lies, what differs, and what a window shows."""

from __future__ import annotations

from typing import Any

import pytest

from grader.grids import Grid, bounds, compared, difference, in_words, number, real, to_grid, where, window


def side(shape: list[int], values: list[Any] | None, dtype: str = "float64") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "values": values}


def comparison(mine: dict[str, Any], wanted: dict[str, Any], worst: list[int] | None = None) -> dict[str, Any]:
    return {"actual": mine, "expected": wanted, "worst": worst, "rtol": 0.0, "atol": 0.0}


def test_a_slice_and_its_number_belong_together() -> None:
    grid = Grid((3, 2, 4, 5), tuple(range(120)))
    assert (grid.height, grid.breadth, grid.slices) == (4, 5, 6)
    assert [grid.prefix(n) for n in range(6)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert all(grid.slice_of((*grid.prefix(n), 3, 4)) == n for n in range(6))
    assert grid.at(grid.index((2, 1), 3, 4)) == 119


@pytest.mark.parametrize(("shape", "index"), [((), ()), ((4,), (2,)), ((3, 4), (1, 2))])
def test_few_axes_have_one_slice(shape: tuple[int, ...], index: tuple[int, ...]) -> None:
    grid = Grid(shape, tuple(range(12)))
    assert grid.slices == 1
    assert grid.prefix(0) == ()
    assert grid.index((), 1, 2) == index


def test_nothing_lies_outside() -> None:
    grid = Grid((2, 2), (1, 2, 3, 4))
    assert [grid.at(index) for index in [(0, 0), (1, 1), (2, 0), (0, -1), (0,), ()]] == [1, 4, None, None, None, None]


@pytest.mark.parametrize(
    "given", [None, 3, {}, side([2], None), side([2], [1.0]), side([0, 3], []), {"shape": 3, "values": [1]}]
)
def test_what_cannot_be_drawn_is_no_grid(given: Any) -> None:
    assert to_grid(given) is None


def test_a_difference_knows_what_is_not_finite() -> None:
    mine = Grid((5,), (1.5, "NaN", "Infinity", "Infinity", 3))
    wanted = Grid((5,), (1.0, 1.0, "Infinity", 2.0, 5))
    found = difference(mine, wanted)
    assert found is not None
    assert found.values == (0.5, "NaN", 0.0, "Infinity", -2)


def test_booleans_and_other_shapes_have_no_difference() -> None:
    assert difference(Grid((2,), (True, False)), Grid((2,), (True, True))) is None
    assert difference(Grid((1,), (1.0,)), Grid((1, 1), (1.0,))) is None
    assert difference(Grid((1,), ("1+2j",)), Grid((1,), (1.0,))) is None


def test_bounds_are_of_what_is_finite() -> None:
    assert bounds(Grid((3,), ("NaN", 2, -1.5)), Grid((2,), ("Infinity", True))) == (-1.5, 2.0)
    assert bounds(Grid((1,), ("NaN",))) is None
    assert real("1+2j") is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "True"), (1.23456, "1.235"), (7, "7"), (10**12, "1e+12"), ("-Infinity", "-inf"), ("NaN", "nan"), (None, "-"),
     ("\x1b[2J", "␛[2J")],
)  # fmt: skip
def test_a_number_is_short_and_safe(value: Any, shown: str) -> None:
    assert number(value) == shown


def test_a_window_holds_what_it_is_around() -> None:
    grid = Grid((2, 20, 30), tuple(range(1200)))
    part = window(grid, (1, 18, 3), 8, 8)
    assert (part.prefix, part.rows, part.columns) == ((1,), range(12, 20), range(0, 8))
    assert where(grid, part) == "[1, 12:20, 0:8]"
    assert part.index(18, 3) == (1, 18, 3)


def test_the_whole_needs_no_place() -> None:
    grid = Grid((2, 3), tuple(range(6)))
    assert where(grid, window(grid, None, 8, 8)) == ""


def test_a_worst_cell_that_is_nowhere_is_none() -> None:
    both = compared(comparison(side([2], [1.0, 2.0]), side([2], [1.0, 3.0]), [7]))
    assert both is not None
    assert both.worst is None
    assert both.same_shape


@pytest.mark.parametrize(
    ("mine", "wanted", "worst", "said"),
    [
        (side([2], [1.0, 0.71]), side([2], [1.0, 0.12]), [1], "Worst at [1]: yours 0.71, expected 0.12."),
        (side([], [0.5]), side([], [0.25]), [], "Yours 0.5, expected 0.25."),
        (side([2], [1.0, 2.0]), side([2, 1], [1.0, 2.0]), None, "The shapes differ: yours is (2,), expected is (2, 1)."),
        (side([1], [1.0], "float32"), side([1], [1.0]), None,
         "The types differ: yours is float32, expected is float64. The values are the same."),
        (side([99, 99], None), side([99, 99], None), [3, 4], "The arrays of shape (99, 99) are too large to be drawn."),
        (side([0], []), side([0, 2], []), None,
         "The shapes differ: yours is (0,), expected is (0, 2). One of them is empty: nothing to draw."),
        (side([1], ["x"], "a\x1b[2J"), side([1], ["y"], "b"), None,
         "The types differ: yours is a␛[2J, expected is b. 1 of 1 values differ."),
    ],
)  # fmt: skip
def test_a_comparison_in_words(
    mine: dict[str, Any], wanted: dict[str, Any], worst: list[int] | None, said: str
) -> None:
    assert in_words(comparison(mine, wanted, worst)) == said


def test_broken_data_are_told_and_not_raised() -> None:
    assert in_words({}) == "There is nothing to draw."
    assert in_words({"actual": 3, "expected": {"shape": None}}) == "There is nothing to draw."
    assert compared({}) is None
    assert compared(None) is None

"""The two sides of a failed comparison as grids of plain values: their difference, the worst cell, and windows on them.

Takes the lists of a verdict's `comparison` as docs/verdict.md lays them out, never arrays: a front end imports no NumPy.
Draws nothing; the command line and the app each do that in their own way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from grader.text import one_line

NOT_FINITE = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


@dataclass(frozen=True)
class Grid:
    """An array: its `shape` and its `values`, row after row."""

    shape: tuple[int, ...]
    values: tuple[Any, ...]

    def at(self, index: tuple[int, ...]) -> Any:
        """The value at `index`; None where there is none."""
        if len(index) != len(self.shape) or any(not 0 <= i < n for i, n in zip(index, self.shape, strict=True)):
            return None
        flat = 0
        for i, n in zip(index, self.shape, strict=True):
            flat = flat * n + i
        return self.values[flat]

    @property
    def height(self) -> int:
        """The rows of a slice of the last two axes; 1 where there is one axis, or none."""
        return self.shape[-2] if len(self.shape) > 1 else 1

    @property
    def breadth(self) -> int:
        """The columns of such a slice."""
        return self.shape[-1] if self.shape else 1

    @property
    def slices(self) -> int:
        """How many such slices there are."""
        return math.prod(self.shape[:-2])

    def prefix(self, number: int) -> tuple[int, ...]:
        """The leading index of the slice with this number, in row-major order."""
        found: list[int] = []
        for n in reversed(self.shape[:-2]):
            number, i = divmod(number, n)
            found.insert(0, i)
        return tuple(found)

    def row(self, number: int, row: int) -> tuple[Any, ...]:
        """The values of one row of the slice with this number."""
        start = (number * self.height + row) * self.breadth
        return self.values[start : start + self.breadth]

    def slice_of(self, index: tuple[int, ...]) -> int:
        """The number of the slice that `index` lies in."""
        number = 0
        for i, n in zip(index[:-2], self.shape[:-2], strict=True):
            number = number * n + i
        return number

    def index(self, prefix: tuple[int, ...], row: int, column: int) -> tuple[int, ...]:
        """The full index of a cell of a slice."""
        return (*prefix, row, column)[-len(self.shape) :] if self.shape else ()


@dataclass(frozen=True)
class Window:
    """The part that is drawn: the leading axes fixed at `prefix`, and the shown rows and columns."""

    prefix: tuple[int, ...]
    rows: range
    columns: range
    rank: int

    def index(self, row: int, column: int) -> tuple[int, ...]:
        """The full index of a cell."""
        return (*self.prefix, row, column)[-self.rank :] if self.rank else ()


@dataclass(frozen=True)
class Compared:
    """Both sides, and what lies between them.

    `difference` is yours less expected; None where shapes differ or the values are no numbers. `worst` is the index of the
    largest error, as the judge gave it.
    """

    actual: Grid
    expected: Grid
    difference: Grid | None
    worst: tuple[int, ...] | None

    @property
    def same_shape(self) -> bool:
        """Whether the sides can be laid upon each other."""
        return self.actual.shape == self.expected.shape


def compared(comparison: dict[str, Any] | None) -> Compared | None:
    """What a verdict's `comparison` holds; None where there is nothing to draw."""
    actual, expected = to_grid((comparison or {}).get("actual")), to_grid((comparison or {}).get("expected"))
    if comparison is None or actual is None or expected is None:
        return None
    return Compared(actual, expected, difference(actual, expected), worst(comparison.get("worst"), actual, expected))


def to_grid(side: Any) -> Grid | None:
    """One side of a comparison, `{"dtype": ..., "shape": [...], "values": [row after row]}`; None where it cannot be drawn."""
    if (
        not isinstance(side, dict)
        or not isinstance(side.get("values"), list)
        or not isinstance(side.get("shape"), list)
    ):
        return None
    shape, values = tuple(side["shape"]), tuple(side["values"])
    return Grid(shape, values) if values and math.prod(shape) == len(values) else None


def number(value: Any) -> str:
    """A value as it stands in a cell: four significant digits."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**9 else f"{value:.3g}" if abs(value) < 10**300 else "huge"
    return NOT_FINITE.get(value, one_line(str(value), 12))


def real(value: Any) -> float | None:
    """A value as a float, infinities and NaN included; None where it is no real number."""
    if isinstance(value, str):
        return float(NOT_FINITE[value]) if value in NOT_FINITE else None
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    return None


def bounds(*grids: Grid) -> tuple[float, float] | None:
    """The least and the largest of all finite numbers; None where there is none."""
    finite = [x for grid in grids for value in grid.values if (x := real(value)) is not None and math.isfinite(x)]
    return (min(finite), max(finite)) if finite else None


def worst(given: Any, actual: Grid, expected: Grid) -> tuple[int, ...] | None:
    """The worst index: as the judge gave it, else none."""
    if isinstance(given, list | tuple) and all(isinstance(i, int) for i in given):
        index = tuple(given)
        if actual.at(index) is not None and expected.at(index) is not None:
            return index
    return None


def difference(actual: Grid, expected: Grid) -> Grid | None:
    """`actual` less `expected`; None where shapes differ, or where booleans or other things than numbers are among them."""
    if actual.shape != expected.shape or not _subtractable(actual, expected):
        return None
    return Grid(actual.shape, tuple(map(_minus, actual.values, expected.values)))


def _subtractable(*grids: Grid) -> bool:
    return all(
        not isinstance(v, bool) and (isinstance(v, int | float) or v in NOT_FINITE)
        for grid in grids
        for v in grid.values
    )


def _float(value: Any) -> float:
    return float(value) if not isinstance(value, str) else float(value.replace("Infinity", "inf"))


def _minus(a: Any, b: Any) -> Any:
    try:
        gap = a - b if isinstance(a, int) and isinstance(b, int) else _float(a) - _float(b)
    except OverflowError:
        return "Infinity"
    if isinstance(gap, float) and _float(a) == _float(b):
        return 0.0  # equal infinities
    return (
        gap
        if isinstance(gap, int) or math.isfinite(gap)
        else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(gap, "NaN")
    )


def window(grid: Grid, centre: tuple[int, ...] | None, rows: int, columns: int) -> Window:
    """At most `rows` by `columns` cells around `centre`, in its slice; from the start where that is None or of another rank."""
    index = centre if centre is not None and len(centre) == len(grid.shape) else (0,) * len(grid.shape)
    row, column = (index[-2] if len(index) > 1 else 0), (index[-1] if index else 0)
    return Window(index[:-2], span(row, grid.height, rows), span(column, grid.breadth, columns), len(grid.shape))


def span(middle: int, size: int, most: int) -> range:
    """At most `most` of `range(size)`, with `middle` as near to its middle as can be."""
    start = min(max(middle - most // 2, 0), max(size - most, 0))
    return range(start, min(start + most, size))


def where(grid: Grid, part: Window) -> str:
    """Which part of the whole a window is, as an index is written; empty where it is all of it."""
    if not part.prefix and len(part.rows) == grid.height and len(part.columns) == grid.breadth:
        return ""
    parts = [str(i) for i in part.prefix]
    if len(grid.shape) > 1:
        parts.append(_slice(part.rows, grid.height))
    parts.append(_slice(part.columns, grid.breadth))
    return f"[{', '.join(parts)}]"


def _slice(part: range, size: int) -> str:
    return ":" if len(part) == size else f"{part.start}:{part.stop}"


def shape_text(shape: tuple[int, ...] | list[Any]) -> str:
    """A shape as Python writes it: `(3,)`, `(2, 4)`."""
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


def in_words(comparison: dict[str, Any]) -> str:
    """What a comparison shows, in a sentence or two; made safe to print."""
    mine, wanted = (comparison.get(side) or {} for side in ("actual", "expected"))
    if not all(isinstance(side, dict) and isinstance(side.get("shape"), list) for side in (mine, wanted)):
        return "There is nothing to draw."
    shapes = [shape_text(side["shape"]) for side in (mine, wanted)]
    dtypes = [one_line(str(side.get("dtype")), 20) for side in (mine, wanted)]
    said = []
    if shapes[0] != shapes[1]:
        said.append(f"The shapes differ: yours is {shapes[0]}, expected is {shapes[1]}.")
    elif dtypes[0] != dtypes[1]:
        said.append(f"The types differ: yours is {dtypes[0]}, expected is {dtypes[1]}.")
    both = compared(comparison)
    if both is None:
        large = any(side.get("values") is None for side in (mine, wanted))
        sizes = "" if shapes[0] != shapes[1] else f" of shape {shapes[0]}"
        said.append(
            f"The arrays{sizes} are too large to be drawn." if large else "One of them is empty: nothing to draw."
        )
    elif both.worst is not None:
        place = f"Worst at [{', '.join(map(str, both.worst))}]: " if both.worst else ""
        pair = f"yours {number(both.actual.at(both.worst))}, expected {number(both.expected.at(both.worst))}."
        said.append(f"{place}{pair}" if place else pair.capitalize())
    elif both.same_shape:
        gaps = sum(a != b for a, b in zip(both.actual.values, both.expected.values, strict=True))
        said.append(f"{gaps} of {len(both.actual.values)} values differ." if gaps else "The values are the same.")
    return " ".join(said)

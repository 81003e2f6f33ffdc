"""How the grids of a comparison are laid out: which are drawn, how large their cells are, and which part of them is seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rich.cells import cell_len

from grader.grids import Compared, Grid, Window, number, span
from grader.tui.heatmap import Kind, oddity

GAP = 3
# A small array is drawn with its numbers on the colours; beyond this nobody reads them all.
WRITTEN = 8
Look = Literal["written", "plain", "pairs", "halves", "singles"]


@dataclass(frozen=True)
class Picture:
    """One of the grids to draw."""

    name: str
    grid: Grid
    kind: Kind

    @property
    def widest(self) -> int:
        """Columns of its longest number."""
        return 1 if self.kind == "equal" else max(cell_len(number(value)) for value in self.grid.values)


@dataclass(frozen=True)
class Layout:
    """How the pictures are drawn: `cell` columns a cell, at most `rows` by `columns` cells, `across` pictures on a line."""

    look: Look
    cell: int
    rows: int
    columns: int
    across: int


class Pictures:
    """The grids of one comparison, and what about them decides their layout."""

    def __init__(self, both: Compared) -> None:
        self.both = both
        self.each = _pictures(both)

    @cached_property
    def first(self) -> Grid:
        """The grid whose indices the keys move in: the largest."""
        return max((picture.grid for picture in self.each), key=lambda grid: (grid.slices, len(grid.values)))

    @cached_property
    def height(self) -> int:
        """Rows of the highest."""
        return max(picture.grid.height for picture in self.each)

    @cached_property
    def breadth(self) -> int:
        """Columns of the broadest."""
        return max(picture.grid.breadth for picture in self.each)

    @cached_property
    def slices(self) -> int:
        """How many slices of the last two axes there are."""
        return max(picture.grid.slices for picture in self.each)

    @cached_property
    def oddities(self) -> frozenset[str]:
        """What is in them that is no finite number."""
        return frozenset(oddity(value) for picture in self.each for value in picture.grid.values)

    @cached_property
    def _widest(self) -> int:
        return max(picture.widest for picture in self.each)

    def layout(self, width: int, tallest: int, *, numbers: bool, coloured: bool) -> Layout:
        """The largest cells that show everything in `width` columns and about `tallest` rows, else the smallest ones."""
        count, height, breadth = len(self.each), self.height, self.breadth
        column = (width - GAP * (count - 1)) // count
        stacked = max(tallest // count, 2)
        if numbers or (height <= WRITTEN and breadth <= WRITTEN):
            look: Look = "plain" if numbers else "written"
            cell = self._widest + 2
            if breadth * cell <= column and height <= tallest:
                return Layout(look, cell, height, breadth, count)
            if numbers or (breadth * cell <= width and height <= stacked):
                across = count if column >= 4 * cell else 1
                fits = (column if across > 1 else width) // cell
                rows = tallest if across > 1 else stacked
                return Layout(look, cell, min(height, rows), max(min(breadth, fits), 1), across)
        if 2 * breadth <= column and height <= tallest:
            return Layout("pairs", 2, height, breadth, count)
        small: Look = "halves" if coloured else "singles"
        rows_a_line = 2 if small == "halves" else 1
        if height == 1 and 2 * breadth <= width:
            return Layout("pairs", 2, 1, breadth, 1)
        if height == 1 or column < min(breadth, 18):
            rows = min(height, stacked * rows_a_line)
            return Layout(small, 1, rows, max(min(breadth, width), 1), 1)
        return Layout(small, 1, min(height, tallest * rows_a_line), min(breadth, column), count)


@dataclass(frozen=True)
class View:
    """What is looked at: a slice, the cell in the middle of the window, the cursor if there is one."""

    slice: int = 0
    centre: tuple[int, int] = (0, 0)
    cursor: tuple[int, int] | None = None

    def part(self, grid: Grid, layout: Layout) -> Window:
        """The window of `grid` that is drawn."""
        prefix = grid.prefix(self.slice_of(grid))
        rows = span(min(self.centre[0], grid.height - 1), grid.height, layout.rows)
        columns = span(min(self.centre[1], grid.breadth - 1), grid.breadth, layout.columns)
        return Window(prefix, rows, columns, len(grid.shape))

    def slice_of(self, grid: Grid) -> int:
        """The slice of `grid` that is drawn: one may have fewer than another."""
        return min(self.slice, grid.slices - 1)


def _pictures(both: Compared) -> tuple[Picture, ...]:
    found = [Picture("yours", both.actual, "values"), Picture("expected", both.expected, "values")]
    if both.difference is not None:
        found.append(Picture("difference", both.difference, "difference"))
    elif both.same_shape:
        unlike = tuple(a != b for a, b in zip(both.actual.values, both.expected.values, strict=True))
        found.append(Picture("where they differ", Grid(both.actual.shape, unlike), "equal"))
    return tuple(found)

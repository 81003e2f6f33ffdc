"""A failed comparison as small tables: yours, expected, difference, with the worst cell marked.

Takes the plain lists of a verdict's `comparison`, never arrays: a front end imports no NumPy. What does not fit is cut to a
window around the worst cell; how the data are laid out is written in docs/verdict.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from grader.text import one_line

ROWS = 8
COLUMNS = 8
INDENT = 4


@dataclass(frozen=True)
class Grid:
    """An array: its `shape` and its `values`, row after row."""

    shape: tuple[int, ...]
    values: tuple[Any, ...]

    def at(self, index: tuple[int, ...]) -> Any:
        """The value at `index`; None where there is none."""
        if len(index) != len(self.shape) or any(i >= n for i, n in zip(index, self.shape, strict=True)):
            return None
        flat = 0
        for i, n in zip(index, self.shape, strict=True):
            flat = flat * n + i
        return self.values[flat]


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


def comparison_lines(comparison: dict[str, Any], width: int) -> list[Text]:
    """The lines that draw `comparison` in `width` columns; none where there is nothing to draw."""
    actual, expected = to_grid(comparison.get("actual")), to_grid(comparison.get("expected"))
    if actual is None or expected is None:
        return []
    same = actual.shape == expected.shape
    worst = _worst(comparison.get("worst"), actual, expected)
    shown = {"yours": actual, "expected": expected}
    if same and _subtractable(actual, expected):
        shown["difference"] = Grid(actual.shape, tuple(map(_minus, actual.values, expected.values)))
    room = max(COLUMNS if width >= 60 else 4, 1)
    columns = _fitting(shown, worst, room, width - INDENT)
    blocks = [_block(name, grid, worst if same else None, columns) for name, grid in shown.items()]
    return list(_side_by_side(blocks, width - INDENT))


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
    return {"Infinity": "inf", "-Infinity": "-inf", "NaN": "nan"}.get(value, one_line(str(value), 12))


def _worst(given: Any, actual: Grid, expected: Grid) -> tuple[int, ...] | None:
    """The worst index: as the judge gave it, else none."""
    if isinstance(given, list | tuple) and all(isinstance(i, int) for i in given):
        index = tuple(given)
        if actual.at(index) is not None and expected.at(index) is not None:
            return index
    return None


def _float(value: Any) -> float:
    return float(value) if not isinstance(value, str) else float(value.replace("Infinity", "inf"))


def _subtractable(*grids: Grid) -> bool:
    names = {"NaN", "Infinity", "-Infinity"}
    return all(
        not isinstance(v, bool) and (isinstance(v, int | float) or v in names) for grid in grids for v in grid.values
    )


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


def _window(grid: Grid, worst: tuple[int, ...] | None, columns: int) -> Window:
    shape = grid.shape
    centre = worst if worst is not None and len(worst) == len(shape) else (0,) * len(shape)
    height, breadth = (shape[-2] if len(shape) > 1 else 1), (shape[-1] if shape else 1)
    row, column = (centre[-2] if len(shape) > 1 else 0), (centre[-1] if shape else 0)
    return Window(tuple(centre[:-2]), _span(row, height, ROWS), _span(column, breadth, columns), len(shape))


def _span(middle: int, size: int, most: int) -> range:
    start = min(max(middle - most // 2, 0), max(size - most, 0))
    return range(start, min(start + most, size))


def _fitting(grids: dict[str, Grid], worst: tuple[int, ...] | None, columns: int, width: int) -> int:
    """How many columns every one of the tables can have in `width`."""
    while columns > 1 and any(_block("", grid, worst, columns).width > width for grid in grids.values()):
        columns -= 1
    return columns


@dataclass(frozen=True)
class Block:
    """One table: its heading and its lines, all padded to `width`."""

    lines: tuple[Text, ...]
    width: int


def _block(name: str, grid: Grid, worst: tuple[int, ...] | None, columns: int) -> Block:
    window = _window(grid, worst, columns)
    cells = [
        [(number(grid.at(index)), index == worst) for c in window.columns for index in [window.index(r, c)]]
        for r in window.rows
    ]
    # Two columns more than the widest number, for the brackets of the worst cell.
    wide = max(cell_len(text) for row in cells for text, _ in row) + 2
    heading = name + _where(grid, window)
    width = max(wide * len(window.columns), cell_len(heading))
    lines = [Text(heading.ljust(width), style="bold")]
    for row in cells:
        line = Text()
        for text, marked in row:
            line.append((f"[{text}]" if marked else f"{text} ").rjust(wide), style="bold red" if marked else "")
        line.pad_right(width - line.cell_len)
        lines.append(line)
    return Block(tuple(lines), width)


def _where(grid: Grid, window: Window) -> str:
    """Which part of the whole is drawn, where it is not all of it."""
    height, breadth = (grid.shape[-2] if len(grid.shape) > 1 else 1), (grid.shape[-1] if grid.shape else 1)
    if not window.prefix and len(window.rows) == height and len(window.columns) == breadth:
        return ""
    parts = [str(i) for i in window.prefix]
    if len(grid.shape) > 1:
        parts.append(_slice(window.rows, height))
    parts.append(_slice(window.columns, breadth))
    return f" [{', '.join(parts)}]"


def _slice(part: range, size: int) -> str:
    return ":" if len(part) == size else f"{part.start}:{part.stop}"


def _side_by_side(blocks: list[Block], width: int) -> Iterator[Text]:
    """The tables beside one another where they fit, else one below the other."""
    gap = 3
    together = sum(block.width for block in blocks) + gap * (len(blocks) - 1) <= width
    groups = [blocks] if together else [[block] for block in blocks]
    for number_of_group, group in enumerate(groups):
        if number_of_group:
            yield Text()
        for i in range(max(len(block.lines) for block in group)):
            line = Text(" " * INDENT)
            for block in group:
                line.append_text(block.lines[i] if i < len(block.lines) else Text(" " * block.width))
                line.append(" " * gap)
            line.rstrip()
            yield line

"""A failed comparison as small tables: yours, expected, difference, with the worst cell marked.

Takes the plain lists of a verdict's `comparison`, never arrays: a front end imports no NumPy. What does not fit is cut to a
window around the worst cell; how the data are laid out is written in docs/verdict.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from grader.grids import Grid, compared, number, where, window

ROWS = 8
COLUMNS = 8
INDENT = 4


def comparison_lines(comparison: dict[str, Any], width: int) -> list[Text]:
    """The lines that draw `comparison` in `width` columns; none where there is nothing to draw."""
    both = compared(comparison)
    if both is None:
        return []
    worst = both.worst
    shown = {"yours": both.actual, "expected": both.expected}
    if both.difference is not None:
        shown["difference"] = both.difference
    room = max(COLUMNS if width >= 60 else 4, 1)
    columns = _fitting(shown, worst, room, width - INDENT)
    blocks = [_block(name, grid, worst if both.same_shape else None, columns) for name, grid in shown.items()]
    return list(_side_by_side(blocks, width - INDENT))


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
    part = window(grid, worst, ROWS, columns)
    cells = [
        [(number(grid.at(index)), index == worst) for c in part.columns for index in [part.index(r, c)]]
        for r in part.rows
    ]
    # Two columns more than the widest number, for the brackets of the worst cell.
    wide = max(cell_len(text) for row in cells for text, _ in row) + 2
    heading = f"{name} {where(grid, part)}".rstrip()
    width = max(wide * len(part.columns), cell_len(heading))
    lines = [Text(heading.ljust(width), style="bold")]
    for row in cells:
        line = Text()
        for text, marked in row:
            line.append((f"[{text}]" if marked else f"{text} ").rjust(wide), style="bold red" if marked else "")
        line.pad_right(width - line.cell_len)
        lines.append(line)
    return Block(tuple(lines), width)


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

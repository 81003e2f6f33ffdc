"""A failed comparison, drawn: yours, expected and difference as heatmaps or numbers, with the sentence that tells the same.

Lays out what `grader.tui.heatmap` colours. What does not fit is cut to a window around the worst cell; of more than two axes
one slice of the last two is shown. Takes a verdict's `comparison` as it is, and asks nobody for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from grader.grids import Compared, Grid, Window, compared, in_words, number, shape_text, span, where
from grader.tui.heatmap import HALVES, PAIRS, SINGLES, Kind, Mark, Scale, oddity, scale_of

GAP = 3
# A small array is drawn with its numbers on the colours; beyond this nobody reads them all.
WRITTEN = 8
BAR = 16
Look = Literal["written", "plain", "pairs", "halves", "singles"]
# What every place that shows a comparison binds, under the same ids, so that a key is remapped in all of them.
BINDINGS = (
    Binding("m", "numbers", "Numbers", id="comparison-numbers"),
    Binding("less_than_sign", "slice(-1)", "Slice before", key_display="<", show=False, id="comparison-before"),
    Binding("greater_than_sign", "slice(1)", "Slice after", key_display=">", show=False, id="comparison-after"),
)


@dataclass(frozen=True)
class _Picture:
    """One of the grids to draw."""

    name: str
    grid: Grid
    kind: Kind

    @property
    def widest(self) -> int:
        """Columns of its longest number."""
        return 1 if self.kind == "equal" else max(cell_len(number(value)) for value in self.grid.values)


@dataclass(frozen=True)
class _Layout:
    """How the pictures are drawn: `cell` columns a cell, at most `rows` by `columns` cells, `across` pictures on a line."""

    look: Look
    cell: int
    rows: int
    columns: int
    across: int


class Comparison(Widget):
    """Draws one comparison as high as it comes out, at most about `tallest` rows of cells in all."""

    DEFAULT_CSS = """
    Comparison { height: auto; width: 1fr; }
    """

    def __init__(self, *, tallest: int = 24, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tallest = tallest
        self._given: dict[str, Any] = {}
        self._both: Compared | None = None
        self._pictures: list[_Picture] = []
        self._widest = 1
        self._oddities: set[str] = set()
        self._numbers = False
        self._slice = 0
        self._centre = (0, 0)
        self._cursor: tuple[int, int] | None = None
        self._lines: list[list[Segment]] = []
        self._laid_for: tuple[object, ...] | None = None
        self._scale: Scale | None = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show(self, comparison: dict[str, Any]) -> None:
        """Draw another comparison, from its worst cell."""
        self._given, self._both = comparison, compared(comparison)
        self._pictures = _pictures(self._both)
        self._widest = max((picture.widest for picture in self._pictures), default=1)
        self._oddities = {oddity(value) for picture in self._pictures for value in picture.grid.values}
        worst = self._both.worst if self._both else None
        self._slice = self._first.slice_of(worst) if worst is not None else 0
        self._centre = ((0, 0, *worst)[-2], worst[-1] if worst else 0) if worst is not None else (0, 0)
        if self._cursor is not None:
            self._cursor = self._centre
        self._scale = None
        self._again()

    def set_numbers(self, numbers: bool) -> None:
        """Plain numbers instead of colours."""
        if numbers != self._numbers:
            self._numbers = numbers
            self._again()

    def set_tallest(self, rows: int) -> None:
        """Another height to keep to."""
        if rows != self.tallest:
            self.tallest = rows
            self._again()

    @property
    def numbers(self) -> bool:
        """Whether plain numbers are shown."""
        return self._numbers

    @property
    def drawn(self) -> bool:
        """Whether there is anything but a sentence."""
        return self._both is not None

    @property
    def slices(self) -> int:
        """How many slices of the last two axes there are."""
        return max(picture.grid.slices for picture in self._pictures) if self._both else 1

    @property
    def text(self) -> str:
        """What is drawn, without its colours."""
        self._lay(self.size.width)
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in self._lines)

    def step(self, by: int) -> None:
        """To another slice; round at the ends."""
        if self.slices > 1:
            self._slice = (self._slice + by) % self.slices
            self._again()

    def start_cursor(self) -> None:
        """Have a cursor, on the worst cell."""
        self._cursor = self._centre
        self._again()

    def move(self, down: int, right: int) -> None:
        """Move the cursor by so many cells; the window follows it."""
        if self._cursor is None or self._both is None:
            return
        height = max(picture.grid.height for picture in self._pictures)
        breadth = max(picture.grid.breadth for picture in self._pictures)
        row = min(max(self._cursor[0] + down, 0), height - 1)
        column = min(max(self._cursor[1] + right, 0), breadth - 1)
        self._cursor = row, column
        self._follow()
        self._again()

    def home(self) -> None:
        """Back to the worst cell."""
        if self._both is not None:
            self.show(self._given)

    def _follow(self) -> None:
        """Move the window no further than the cursor asks."""
        layout, cursor = self._layout(self.size.width), self._cursor
        assert cursor is not None
        part = self._part(self._first, layout)
        moved = []
        for at, shown, middle in zip(cursor, (part.rows, part.columns), self._centre, strict=True):
            start = shown.start + max(at - shown.stop + 1, 0) - max(shown.start - at, 0)
            moved.append(middle if start == shown.start else start + len(shown) // 2)
        self._centre = moved[0], moved[1]

    # -- layout ------------------------------------------------------------------------------------------------------

    def _again(self) -> None:
        self._laid_for = None
        self.refresh(layout=True)

    @property
    def _first(self) -> Grid:
        """The grid whose indices the keys move in: the largest."""
        return max((picture.grid for picture in self._pictures), key=lambda grid: (grid.slices, len(grid.values)))

    @property
    def _coloured(self) -> bool:
        return not self.app.no_color and self.app.console.color_system in ("truecolor", "256")

    def _layout(self, width: int) -> _Layout:
        """The largest cells that show everything, else the smallest ones."""
        pictures = self._pictures
        count = len(pictures)
        height = max(picture.grid.height for picture in pictures)
        breadth = max(picture.grid.breadth for picture in pictures)
        column = (width - GAP * (count - 1)) // count
        stacked = max(self.tallest // count, 2)
        if self._numbers or (height <= WRITTEN and breadth <= WRITTEN):
            look: Look = "plain" if self._numbers else "written"
            cell = self._widest + 2
            if breadth * cell <= column and height <= self.tallest:
                return _Layout(look, cell, height, breadth, count)
            if self._numbers or (breadth * cell <= width and height <= stacked):
                across = count if column >= 4 * cell else 1
                fits = (column if across > 1 else width) // cell
                rows = self.tallest if across > 1 else stacked
                return _Layout(look, cell, min(height, rows), max(min(breadth, fits), 1), across)
        if 2 * breadth <= column and height <= self.tallest:
            return _Layout("pairs", 2, height, breadth, count)
        small: Look = "halves" if self._coloured else "singles"
        rows_a_line = 2 if small == "halves" else 1
        if height == 1 and 2 * breadth <= width:
            return _Layout("pairs", 2, 1, breadth, 1)
        if height == 1 or column < min(breadth, 18):
            rows = min(height, stacked * rows_a_line)
            return _Layout(small, 1, rows, max(min(breadth, width), 1), 1)
        return _Layout(small, 1, min(height, self.tallest * rows_a_line), min(breadth, column), count)

    def _part(self, grid: Grid, layout: _Layout) -> Window:
        prefix = grid.prefix(min(self._slice, grid.slices - 1))
        rows = span(min(self._centre[0], grid.height - 1), grid.height, layout.rows)
        columns = span(min(self._centre[1], grid.breadth - 1), grid.breadth, layout.columns)
        return Window(prefix, rows, columns, len(grid.shape))

    def _lay(self, width: int) -> None:
        key = (width, self.tallest, self._coloured)
        if key != self._laid_for:
            self._laid_for = key
            self._lines = list(self._draw(width)) if width > 0 and self._given else []

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _draw(self, width: int) -> Iterator[list[Segment]]:
        for line in _folded(in_words(self._given), width):
            yield [Segment(line, Style(bold=True))]
        both = self._both
        if both is None:
            return
        if self._scale is None or self._scale.coloured != self._coloured:
            self._scale = scale_of(both.actual, both.expected, both.difference, coloured=self._coloured)
        layout, pictures = self._layout(width), self._pictures
        if self._cursor is not None:
            yield [Segment(self._under_cursor(pictures))]
        if self.slices > 1:
            grid = self._first
            leading = ", ".join(map(str, grid.prefix(self._slice)))
            yield [Segment(f"[{leading}, :, :] of {shape_text(grid.shape)}   < and > move")]
        yield []
        blocks = [self._block(picture, layout) for picture in pictures]
        if layout.across == 1:
            for block in blocks:
                yield from block[0]
        else:
            yield from _beside(blocks)
        yield []
        yield from self._legend(pictures, layout, self._scale, width)

    def _block(self, picture: _Picture, layout: _Layout) -> tuple[list[list[Segment]], int]:
        """The lines of one picture, and how wide they are."""
        scale, grid, kind = self._scale, picture.grid, picture.kind
        assert scale is not None
        part = self._part(grid, layout)
        place = where(grid, part) if not part.prefix or not self._both or not self._both.same_shape else ""
        if part.prefix and not place and (len(part.rows) < grid.height or len(part.columns) < grid.breadth):
            place = where(grid, part)
        if self._both is not None and not self._both.same_shape:
            place = f"{shape_text(grid.shape)} {place}".rstrip()
        width = len(part.columns) * layout.cell
        title = picture.name
        if place and (layout.across == 1 or len(title) + len(place) + 1 <= max(width, 18)):
            title = f"{title} {place}"
        lines = [[Segment(title, Style(bold=True))]]

        worst = self._both.worst if self._both is not None and self._both.same_shape else None
        worst_at = ((0, 0, *worst)[-2] if len(worst) > 1 else 0, (0, *worst)[-1]) if worst is not None else None
        if worst is not None and worst[:-2] != part.prefix:
            worst_at = None
        number_of_slice = min(self._slice, grid.slices - 1)

        def cells_of(row: int) -> list[tuple[Any, Mark]]:
            values = grid.row(number_of_slice, row)[part.columns.start : part.columns.stop]
            found: list[tuple[Any, Mark]] = [(value, "") for value in values]
            marks: tuple[tuple[tuple[int, int] | None, Mark], ...] = ((worst_at, "worst"), (self._cursor, "cursor"))
            for place, mark in marks:
                if place is not None and place[0] == row and place[1] in part.columns:
                    i = place[1] - part.columns.start
                    found[i] = found[i][0], ("both" if found[i][1] else mark)
            return found

        if layout.look == "halves":
            for row in part.rows[::2]:
                below = cells_of(row + 1) if row + 1 < part.rows.stop else [None] * len(part.columns)
                lines.append([scale.halves(kind, *each) for each in zip(cells_of(row), below, strict=True)])
        else:
            for row in part.rows:
                cells = cells_of(row)
                if layout.look == "pairs":
                    lines.append([scale.pair(kind, *each) for each in cells])
                elif layout.look == "singles":
                    lines.append([scale.single(kind, *each) for each in cells])
                else:
                    plain = layout.look == "plain"
                    lines.append([scale.written(kind, *each, layout.cell, plain=plain) for each in cells])
        return lines, max(width, cell_len(title))

    def _under_cursor(self, pictures: list[_Picture]) -> str:
        assert self._cursor is not None
        said, named = [], ""
        for picture in pictures:
            grid = picture.grid
            index = grid.index(grid.prefix(min(self._slice, grid.slices - 1)), *self._cursor)
            value = grid.at(index) if self._cursor[0] < grid.height and self._cursor[1] < grid.breadth else None
            named = named or f"[{', '.join(map(str, index))}]"
            shown = (
                {True: "differ", False: "are the same"}[value]
                if picture.kind == "equal" and value is not None
                else None
            )
            said.append(
                f"they {shown}" if shown else f"{picture.name} {number(value) if value is not None else 'nothing'}"
            )
        return f"At {named}: {', '.join(said)}"

    def _legend(self, pictures: list[_Picture], layout: _Layout, scale: Scale, width: int) -> Iterator[list[Segment]]:
        entries: list[list[Segment]] = []
        if layout.look not in ("plain",) and (scale.coloured or layout.look != "written"):
            boolean = all(isinstance(v, bool) for picture in pictures[:2] for v in picture.grid.values)
            ends = ("False", "True") if boolean else (f"{scale.low:.4g}", f"{scale.high:.4g}")
            entries.append([Segment(f"{ends[0]} "), *scale.bar("values", BAR), Segment(f" {ends[1]}")])
            if any(picture.kind == "difference" for picture in pictures):
                reach = f"{scale.reach:.4g}"
                entries.append(
                    [Segment(f"difference -{reach} "), *scale.bar("difference", BAR + 1), Segment(f" +{reach}")]
                )
        entries += [[Segment(text)] for text in self._signs(layout)]
        line: list[Segment] = []
        for entry in entries:
            if line and _wide(line) + 3 + _wide(entry) > width:
                yield line
                line = []
            line = [*line, *([Segment("   ")] if line else []), *entry]
        if line:
            yield line

    def _signs(self, layout: _Layout) -> Iterator[str]:
        """What the characters mean, as far as they are there."""
        if layout.look in ("written", "plain"):
            if self._both is not None and self._both.worst is not None:
                yield "[ ] the worst"
            return

        def sign(key: str) -> str:
            if layout.look == "pairs":
                return PAIRS[key]
            return SINGLES[key] if layout.look == "singles" else f"{HALVES[key][0]} {HALVES[key][1]}"

        if self._both is not None and self._both.worst is not None:
            yield f"{sign('worst')} the worst"
        if self._cursor is not None:
            yield f"{sign('cursor')} the cursor"
        names = {"nan": "NaN", "inf": "infinity", "-inf": "-infinity", "text": "no real number"}
        yield from (f"{sign(key)} {name}" for key, name in names.items() if key in self._oddities)

    # -- painting ----------------------------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The rows at this width."""
        self._lay(width)
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        width, base = self.size.width, self.rich_style
        self._lay(width)
        if y >= len(self._lines):
            return Strip.blank(width, base)
        return Strip(self._lines[y]).apply_style(base).adjust_cell_length(width, base)


def _pictures(both: Compared | None) -> list[_Picture]:
    if both is None:
        return []
    found = [_Picture("yours", both.actual, "values"), _Picture("expected", both.expected, "values")]
    if both.difference is not None:
        found.append(_Picture("difference", both.difference, "difference"))
    elif both.same_shape:
        unlike = tuple(a != b for a, b in zip(both.actual.values, both.expected.values, strict=True))
        found.append(_Picture("where they differ", Grid(both.actual.shape, unlike), "equal"))
    return found


def _wide(line: list[Segment]) -> int:
    return sum(segment.cell_length for segment in line)


def _beside(blocks: list[tuple[list[list[Segment]], int]]) -> Iterator[list[Segment]]:
    for i in range(max(len(lines) for lines, _ in blocks)):
        row: list[Segment] = []
        for lines, width in blocks:
            line = lines[i] if i < len(lines) else []
            row += [*line, Segment(" " * (width + GAP - _wide(line)))]
        yield row


def _folded(text: str, width: int) -> list[str]:
    return wrap(text, max(width, 8))

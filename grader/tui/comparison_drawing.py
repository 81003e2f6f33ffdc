"""A comparison in lines of segments: titles, cells in colours or numbers, the worst cell and the cursor marked, a legend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from grader.grids import number, shape_text, where
from grader.tui.comparison_layout import GAP, Layout, Picture, Pictures, View
from grader.tui.heatmap import HALVES, PAIRS, SINGLES, Mark, Scale

BAR = 16
Line = list[Segment]


@dataclass(frozen=True)
class Drawing:
    """One comparison as it is looked at."""

    pictures: Pictures
    view: View
    layout: Layout
    scale: Scale

    def lines(self, width: int) -> Iterator[Line]:
        """All of it, below the sentence that tells the same; the legend is folded to `width` columns."""
        pictures, view = self.pictures, self.view
        if view.cursor is not None:
            yield [Segment(self._under_cursor(view.cursor))]
        if pictures.slices > 1:
            grid = pictures.first
            leading = ", ".join(map(str, grid.prefix(view.slice)))
            yield [Segment(f"[{leading}, :, :] of {shape_text(grid.shape)}   < and > move")]
        yield []
        blocks = [self._block(picture) for picture in pictures.each]
        if self.layout.across == 1:
            for block in blocks:
                yield from block[0]
        else:
            yield from _beside(blocks)
        yield []
        yield from self._legend(width)

    def _block(self, picture: Picture) -> tuple[list[Line], int]:
        """The lines of one picture, and how wide they are."""
        part = self.view.part(picture.grid, self.layout)
        width = len(part.columns) * self.layout.cell
        title = self._title(picture, width)
        lines = [[Segment(title, Style(bold=True))]]
        if self.layout.look == "halves":
            for row in part.rows[::2]:
                above = self._cells(picture, row)
                below = self._cells(picture, row + 1) if row + 1 < part.rows.stop else [None] * len(part.columns)
                lines.append([self.scale.halves(picture.kind, *each) for each in zip(above, below, strict=True)])
        else:
            lines += [[self._cell(picture, *each) for each in self._cells(picture, row)] for row in part.rows]
        return lines, max(width, cell_len(title))

    def _title(self, picture: Picture, width: int) -> str:
        """The name, with the part that is shown where that is not all and there is room to say so."""
        grid, same_shape = picture.grid, self.pictures.both.same_shape
        part = self.view.part(grid, self.layout)
        place = where(grid, part) if not part.prefix or not same_shape else ""
        if part.prefix and not place and (len(part.rows) < grid.height or len(part.columns) < grid.breadth):
            place = where(grid, part)
        if not same_shape:
            place = f"{shape_text(grid.shape)} {place}".rstrip()
        if place and (self.layout.across == 1 or len(picture.name) + len(place) + 1 <= max(width, 18)):
            return f"{picture.name} {place}"
        return picture.name

    def _cells(self, picture: Picture, row: int) -> list[tuple[Any, Mark]]:
        """The values of a row that are shown, and how they are marked."""
        grid, view = picture.grid, self.view
        columns = view.part(grid, self.layout).columns
        values = grid.row(view.slice_of(grid), row)[columns.start : columns.stop]
        found: list[tuple[Any, Mark]] = [(value, "") for value in values]
        marks: tuple[tuple[tuple[int, int] | None, Mark], ...] = (
            (self._worst_in(picture), "worst"),
            (view.cursor, "cursor"),
        )
        for place, mark in marks:
            if place is not None and place[0] == row and place[1] in columns:
                i = place[1] - columns.start
                found[i] = found[i][0], ("both" if found[i][1] else mark)
        return found

    def _worst_in(self, picture: Picture) -> tuple[int, int] | None:
        """Row and column of the worst cell, where it is in the slice that is shown."""
        both = self.pictures.both
        worst = both.worst if both.same_shape else None
        if worst is None or worst[:-2] != picture.grid.prefix(self.view.slice_of(picture.grid)):
            return None
        return (0, 0, *worst)[-2] if len(worst) > 1 else 0, (0, *worst)[-1]

    def _cell(self, picture: Picture, value: Any, mark: Mark) -> Segment:
        look, kind = self.layout.look, picture.kind
        if look == "pairs":
            return self.scale.pair(kind, value, mark)
        if look == "singles":
            return self.scale.single(kind, value, mark)
        return self.scale.written(kind, value, mark, self.layout.cell, plain=look == "plain")

    def _under_cursor(self, cursor: tuple[int, int]) -> str:
        said, named = [], ""
        for picture in self.pictures.each:
            grid = picture.grid
            index = grid.index(grid.prefix(self.view.slice_of(grid)), *cursor)
            value = grid.at(index) if cursor[0] < grid.height and cursor[1] < grid.breadth else None
            named = named or f"[{', '.join(map(str, index))}]"
            if picture.kind == "equal" and value is not None:
                said.append("they differ" if value else "they are the same")
            else:
                said.append(f"{picture.name} {number(value) if value is not None else 'nothing'}")
        return f"At {named}: {', '.join(said)}"

    def _legend(self, width: int) -> Iterator[Line]:
        line: Line = []
        for entry in (*self._bars(), *([Segment(text)] for text in self._signs())):
            if line and _wide(line) + 3 + _wide(entry) > width:
                yield line
                line = []
            line = [*line, *([Segment("   ")] if line else []), *entry]
        if line:
            yield line

    def _bars(self) -> Iterator[Line]:
        """What the colours mean."""
        scale, look, each = self.scale, self.layout.look, self.pictures.each
        if look == "plain" or (look == "written" and not scale.coloured):
            return
        boolean = all(isinstance(value, bool) for picture in each[:2] for value in picture.grid.values)
        ends = ("False", "True") if boolean else (f"{scale.low:.4g}", f"{scale.high:.4g}")
        yield [Segment(f"{ends[0]} "), *scale.bar("values", BAR), Segment(f" {ends[1]}")]
        if any(picture.kind == "difference" for picture in each):
            reach = f"{scale.reach:.4g}"
            yield [Segment(f"difference -{reach} "), *scale.bar("difference", BAR + 1), Segment(f" +{reach}")]

    def _signs(self) -> Iterator[str]:
        """What the characters mean, as far as they are there."""
        look, worst = self.layout.look, self.pictures.both.worst
        if look in ("written", "plain"):
            if worst is not None:
                yield "[ ] the worst"
            return

        def sign(key: str) -> str:
            if look == "pairs":
                return PAIRS[key]
            return SINGLES[key] if look == "singles" else f"{HALVES[key][0]} {HALVES[key][1]}"

        if worst is not None:
            yield f"{sign('worst')} the worst"
        if self.view.cursor is not None:
            yield f"{sign('cursor')} the cursor"
        names = {"nan": "NaN", "inf": "infinity", "-inf": "-infinity", "text": "no real number"}
        yield from (f"{sign(key)} {name}" for key, name in names.items() if key in self.pictures.oddities)


def _wide(line: Line) -> int:
    return sum(segment.cell_length for segment in line)


def _beside(blocks: list[tuple[list[Line], int]]) -> Iterator[Line]:
    for i in range(max(len(lines) for lines, _ in blocks)):
        row: Line = []
        for lines, width in blocks:
            line = lines[i] if i < len(lines) else []
            row += [*line, Segment(" " * (width + GAP - _wide(line)))]
        yield row

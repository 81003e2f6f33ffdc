"""A failed comparison, drawn: yours, expected and difference as heatmaps or numbers, with the sentence that tells the same.

What does not fit is cut to a window around the worst cell; of more than two axes one slice of the last two is shown. Takes a
verdict's `comparison` as it is, and asks nobody for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import wrap
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from grader.grids import compared, in_words
from grader.tui.comparison_drawing import Drawing
from grader.tui.comparison_layout import Layout, Pictures, View
from grader.tui.heatmap import Scale, scale_of

# What every place that shows a comparison binds, under the same ids, so that a key is remapped in all of them.
BINDINGS = (
    Binding("m", "numbers", "Numbers", id="comparison-numbers"),
    Binding("less_than_sign", "slice(-1)", "Slice before", key_display="<", show=False, id="comparison-before"),
    Binding("greater_than_sign", "slice(1)", "Slice after", key_display=">", show=False, id="comparison-after"),
)


class Comparison(Widget):
    """Draws one comparison as high as it comes out, at most about `tallest` rows of cells in all."""

    DEFAULT_CSS = """
    Comparison { height: auto; width: 1fr; }
    """

    def __init__(self, *, tallest: int = 24, id: str | None = None) -> None:
        super().__init__(id=id)
        self.tallest = tallest
        self._given: dict[str, Any] = {}
        self._pictures: Pictures | None = None
        self._view = View()
        self._numbers = False
        self._lines: list[list[Segment]] = []
        self._laid_for: tuple[object, ...] | None = None
        self._scale: Scale | None = None

    # -- what is shown -----------------------------------------------------------------------------------------------

    def show(self, comparison: dict[str, Any]) -> None:
        """Draw another comparison, from its worst cell."""
        self._given, both = comparison, compared(comparison)
        self._pictures = Pictures(both) if both is not None else None
        centre, number = (0, 0), 0
        if self._pictures is not None and both is not None and both.worst is not None:
            number = self._pictures.first.slice_of(both.worst)
            centre = (0, 0, *both.worst)[-2], both.worst[-1] if both.worst else 0
        self._view = View(number, centre, centre if self._view.cursor is not None else None)
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
        return self._pictures is not None

    @property
    def slices(self) -> int:
        """How many slices of the last two axes there are."""
        return self._pictures.slices if self._pictures else 1

    @property
    def text(self) -> str:
        """What is drawn, without its colours."""
        self._lay(self.size.width)
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in self._lines)

    def step(self, by: int) -> None:
        """To another slice; round at the ends."""
        if self.slices > 1:
            self._look(replace(self._view, slice=(self._view.slice + by) % self.slices))

    def start_cursor(self) -> None:
        """Have a cursor, on the worst cell."""
        self._look(replace(self._view, cursor=self._view.centre))

    def move(self, down: int, right: int) -> None:
        """Move the cursor by so many cells; the window follows it."""
        if self._view.cursor is None or self._pictures is None:
            return
        row = min(max(self._view.cursor[0] + down, 0), self._pictures.height - 1)
        column = min(max(self._view.cursor[1] + right, 0), self._pictures.breadth - 1)
        self._look(self._following(self._pictures, (row, column)))

    def home(self) -> None:
        """Back to the worst cell."""
        if self._pictures is not None:
            self.show(self._given)

    def _following(self, pictures: Pictures, cursor: tuple[int, int]) -> View:
        """The window moved no further than the cursor asks."""
        part = self._view.part(pictures.first, self._layout(pictures, self.size.width))
        moved = []
        for at, shown, middle in zip(cursor, (part.rows, part.columns), self._view.centre, strict=True):
            start = shown.start + max(at - shown.stop + 1, 0) - max(shown.start - at, 0)
            moved.append(middle if start == shown.start else start + len(shown) // 2)
        return replace(self._view, centre=(moved[0], moved[1]), cursor=cursor)

    def _look(self, view: View) -> None:
        self._view = view
        self._again()

    # -- painting ----------------------------------------------------------------------------------------------------

    def _again(self) -> None:
        self._laid_for = None
        self.refresh(layout=True)

    @property
    def _coloured(self) -> bool:
        return not self.app.no_color and self.app.console.color_system in ("truecolor", "256")

    def _layout(self, pictures: Pictures, width: int) -> Layout:
        return pictures.layout(width, self.tallest, numbers=self._numbers, coloured=self._coloured)

    def _lay(self, width: int) -> None:
        key = (width, self.tallest, self._coloured)
        if key != self._laid_for:
            self._laid_for = key
            self._lines = list(self._draw(width)) if width > 0 and self._given else []

    def _draw(self, width: int) -> Iterator[list[Segment]]:
        for line in wrap(in_words(self._given), max(width, 8)):
            yield [Segment(line, Style(bold=True))]
        pictures = self._pictures
        if pictures is None:
            return
        if self._scale is None or self._scale.coloured != self._coloured:
            both = pictures.both
            self._scale = scale_of(both.actual, both.expected, both.difference, coloured=self._coloured)
        yield from Drawing(pictures, self._view, self._layout(pictures, width), self._scale).lines(width)

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

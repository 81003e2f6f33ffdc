"""Two versions of a source with what changed between them: side by side, or one below the other. What contains it scrolls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from grader.difference import Difference, Line, UnifiedLine, difference, unified
from grader.tui.code_lines import code_lines, piece_count, pieces, shown_source

# A tab and four spaces differ to Python: here one must see which it is.
TAB = "→   "
# More would keep the learner waiting for seconds; no exercise has a hundredth of it.
MOST_LINES = 20_000


@dataclass(frozen=True)
class _Cell:
    """One line of one version on one side. `sign` is "-", "+" or " "; `numbers` is the gutter."""

    numbers: str
    sign: str
    line: Line
    right: bool


class DifferenceView(Widget):
    """Draws a difference. Removed lines carry a minus, added ones a plus, and the words that changed are underlined."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "difference--number", "difference--removed", "difference--added", "difference--removed-word",
        "difference--added-word", "difference--none",
    }  # fmt: skip
    DEFAULT_CSS = """
    DifferenceView {
        height: auto;
        width: 1fr;
        & > .difference--number { color: $text-muted; }
        & > .difference--none { color: $panel; }
        & > .difference--removed { background: $error 14%; }
        & > .difference--added { background: $success 14%; }
        & > .difference--removed-word { background: $error 38%; text-style: underline; }
        & > .difference--added-word { background: $success 38%; text-style: underline; }
    }
    """

    def __init__(self, left: str, right: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cut = max(left.count("\n"), right.count("\n")) > MOST_LINES
        """Whether only the first lines (MOST_LINES) are compared."""
        self._sources = _first_lines(shown_source(left, TAB)), _first_lines(shown_source(right, TAB))
        self.compared: Difference = difference(*self._sources)
        """What is drawn."""
        self._ends = left.replace("\r\n", "\n") == right.replace("\r\n", "\n") and left != right
        self._wide = False
        self._texts: tuple[list[Text], list[Text]] = ([], [])
        self._cells: list[tuple[_Cell | None, ...]] = []
        self._rows: list[tuple[int, int]] = []
        self._laid_for: tuple[int, bool] | None = None

    @property
    def line_ends_differ(self) -> bool:
        """Whether nothing differs but CR LF and LF."""
        return self._ends

    @property
    def side_by_side(self) -> bool:
        """Whether the versions are beside each other."""
        return self._wide

    @side_by_side.setter
    def side_by_side(self, wide: bool) -> None:
        if wide != self._wide:
            self._wide = wide
            self.refresh(layout=True)

    def change_rows(self) -> list[int]:
        """The first row of the screen of every change, as it is laid out now."""
        self._lay(self.size.width)
        changed = [any(cell is None or cell.sign != " " for cell in cells) for cells in self._cells]
        starts = {n for n, now in enumerate(changed) if now and not (n and changed[n - 1])}
        return [y for y, (n, part) in enumerate(self._rows) if part == 0 and n in starts]

    def on_mount(self) -> None:
        """Colours follow the theme."""
        self._colour()
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def _theme_changed(self, _theme: Theme) -> None:
        self._colour()

    def _colour(self) -> None:
        dark = self.app.current_theme.dark
        left, right = (code_lines(source, dark=dark) for source in self._sources)
        for row in self.compared.rows:
            if row.kind == "changed" and row.left is not None and row.right is not None:
                self._mark(left, row.left, "difference--removed-word")
                self._mark(right, row.right, "difference--added-word")
        self._texts = left, right
        self._laid_for = None
        self.refresh(layout=True)

    def _mark(self, lines: list[Text], line: Line, style: str) -> None:
        for start, stop in line.marks:
            lines[line.number - 1].stylize(self.get_component_rich_style(style, partial=False), start, stop)

    # -- layout ------------------------------------------------------------------------------------------------------

    def _lay(self, width: int) -> None:
        if (width, self._wide) == self._laid_for:
            return
        self._laid_for = (width, self._wide)
        self._cells = list(self._side_by_side() if self._wide else self._unified())
        room = self._room(width)
        self._rows = []
        for n, cells in enumerate(self._cells):
            high = max(piece_count(self._text(cell), room) for cell in cells if cell is not None)
            self._rows += ((n, part) for part in range(high))

    def _side_by_side(self) -> Iterator[tuple[_Cell | None, ...]]:
        digits = self._digits
        for row in self.compared.rows:
            changed = row.kind != "same"
            cells = (row.left, "-", False), (row.right, "+", True)
            yield tuple(
                _Cell(f"{line.number:>{digits}}", sign if changed else " ", line, right) if line is not None else None
                for line, sign, right in cells
            )

    def _unified(self) -> Iterator[tuple[_Cell | None, ...]]:
        digits = self._digits

        def number(of: UnifiedLine) -> str:
            return f"{of.left or '':>{digits}} {of.right or '':>{digits}}"

        for each in unified(self.compared.rows):
            sign = {"same": " ", "removed": "-", "added": "+"}[each.kind]
            yield (_Cell(number(each), sign, each.line, each.kind == "added"),)

    @property
    def _digits(self) -> int:
        return len(str(max(len(self._texts[0]), len(self._texts[1]), 1)))

    @property
    def _gutter(self) -> int:
        return (self._digits if self._wide else 2 * self._digits + 1) + 3

    def _column(self, width: int) -> int:
        return (width - 1) // 2 if self._wide else width

    def _room(self, width: int) -> int:
        return self._column(width) - self._gutter

    def _text(self, cell: _Cell) -> Text:
        return self._texts[cell.right][cell.line.number - 1]

    # -- painting ----------------------------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """The rows of all lines at this width."""
        self._lay(width)
        return len(self._rows)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        width = self.size.width
        self._lay(width)
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        number, part = self._rows[y]
        column = self._column(width)
        between = Strip(
            [Segment("│", self.rich_style + self.get_component_rich_style("difference--none", partial=True))]
        )
        parts = [self._side(cell, part, column) for cell in self._cells[number]]
        strip = Strip.join([parts[0], between, parts[1]] if self._wide else parts)
        return strip.adjust_cell_length(width, self.rich_style)

    def _side(self, cell: _Cell | None, part: int, column: int) -> Strip:
        base = self.rich_style
        if cell is None:
            return Strip(
                [Segment("╱" * column, base + self.get_component_rich_style("difference--none", partial=True))]
            )
        if cell.sign != " ":
            base += Style(bgcolor=self._background(cell).bgcolor)
        folded = pieces(self._text(cell), self._room(self.size.width))
        # Only whole does a style know on what background it must be legible.
        muted = Style(color=self.get_component_rich_style("difference--number").color)
        numbers = cell.numbers if part == 0 else " " * len(cell.numbers)
        drawn = Text.assemble((f"{numbers} ", muted), (f"{cell.sign if part == 0 else ' '} ", "bold"), end="")
        if part < len(folded):
            drawn.append_text(folded[part])
        drawn.no_wrap = True
        return Strip(drawn.render(self.app.console)).apply_style(base).adjust_cell_length(column, base)

    def _background(self, cell: _Cell) -> Style:
        return self.get_component_rich_style("difference--removed" if cell.sign == "-" else "difference--added")


def _first_lines(source: str) -> str:
    lines = source.split("\n", MOST_LINES)
    return source if len(lines) <= MOST_LINES else "\n".join(lines[:MOST_LINES]) + "\n"

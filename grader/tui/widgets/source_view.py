"""Python source with line numbers, as high as it is long: what contains it scrolls. Long lines are folded."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.theme import Theme
from textual.widget import Widget

from grader.tui.code_lines import code_lines, piece_count, pieces, shown_source


class SourceView(Widget):
    """Shows one source. Paints the lines that are in sight, and no others."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"source-view--number"}
    DEFAULT_CSS = """
    SourceView {
        height: auto;
        width: 1fr;
        & > .source-view--number { color: $text-muted; }
    }
    """

    def __init__(self, source: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = shown_source(source)
        self._first = 0
        self._lines: list[Text] = []
        self._rows: list[tuple[int, int]] = []
        self._laid_for: int | None = None

    @property
    def source(self) -> str:
        """What is shown, made safe."""
        return self._source

    def show(self, source: str, first: int = 1) -> None:
        """Show another source, from line `first` on; numbers remain those of the file."""
        made = shown_source(source)
        if (made, first - 1) != (self._source, self._first):
            self._source, self._first = made, first - 1
            self._colour()

    def on_mount(self) -> None:
        """Colours follow the theme."""
        self._colour()
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def _theme_changed(self, _theme: Theme) -> None:
        self._colour()

    def _colour(self) -> None:
        self._lines = code_lines(self._source, dark=self.app.current_theme.dark)
        self._laid_for = None
        self.refresh(layout=True)

    @property
    def _gutter(self) -> int:
        return len(str(max(len(self._lines), 1))) + 2

    def _lay(self, width: int) -> None:
        if width == self._laid_for:
            return
        room = width - self._gutter
        self._laid_for = width
        shown = enumerate(self._lines[self._first :], self._first)
        self._rows = [(n, part) for n, line in shown for part in range(piece_count(line, room))]

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
        # Only whole does a style know on what background it must be legible.
        muted = Style(color=self.get_component_rich_style("source-view--number").color)
        row = Text(f"{number + 1 if part == 0 else '':>{self._gutter - 2}}  ", style=muted, end="", no_wrap=True)
        drawn = Text.assemble(row, pieces(self._lines[number], width - self._gutter)[part], end="", no_wrap=True)
        strip = Strip(drawn.render(self.app.console)).apply_style(self.rich_style)
        return strip.adjust_cell_length(width, self.rich_style)

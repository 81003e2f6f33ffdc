"""The statement of the exercise that is open, as Markdown in a box that scrolls.

Holds its lines ready drawn and scrolls by itself: a scroll view of Textual's lays the whole screen out anew for a text of
another height, which took longer than all the rest of opening an exercise.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from grader.tui.markdown import at_once, can_render

# Drawn statements that are kept: those around the cursor.
KEPT = 24
# Who moves on sooner does not want to read it.
AHEAD_SECONDS = 0.03


class Statement(Widget, can_focus=True):
    """Shows one statement. The first one is painted as plain text and rendered right after, see `grader.tui.markdown`."""

    DEFAULT_CSS = "Statement { height: 1fr; padding: 0 0 0 2; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll(1)", "Down", show=False, id="statement-down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="statement-up"),
        Binding("pagedown,space", "page(1)", "A page down", show=False, id="statement-page-down"),
        Binding("pageup", "page(-1)", "A page up", show=False, id="statement-page-up"),
        Binding("home", "scroll(-100000)", "To the top", show=False, id="statement-top"),
        Binding("end", "scroll(100000)", "To the end", show=False, id="statement-end"),
    ]

    def __init__(self, statement: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._statement = statement
        self._lines: list[Strip] = []
        self._top = 0
        self._width = 0
        self._blank = Strip([])
        self._drawn: dict[tuple[str, int, Style], list[Strip]] = {}
        self._wanted: list[str] = []

    @property
    def statement(self) -> str:
        """What is shown."""
        return self._statement

    def show(self, statement: str) -> None:
        """Show another one, from its top."""
        self._statement = statement
        self._top = 0
        self._take()

    def polish(self) -> None:
        """Draw it anew: the renderer has been loaded since, or the theme is another one."""
        from grader.tui.markdown import load

        load()
        self._drawn.clear()
        self._take()

    def prepare(self, *statements: str) -> None:
        """Draw what may be shown next, once nothing else is to be done."""
        self._wanted = list(statements)
        self.set_timer(AHEAD_SECONDS, partial(self._draw_ahead, self._wanted))

    def _draw_ahead(self, wanted: list[str]) -> None:
        if wanted is self._wanted and wanted and can_render():
            self._draw(wanted.pop(0))
            self.set_timer(AHEAD_SECONDS, partial(self._draw_ahead, wanted))

    def action_scroll(self, by: int) -> None:
        """Up or down by so many lines."""
        top = min(max(self._top + by, 0), max(len(self._lines) - self.size.height, 0))
        if top != self._top:
            self._top = top
            self.refresh()

    def action_page(self, by: int) -> None:
        """Up or down by what is shown, but for one line."""
        self.action_scroll(by * max(self.size.height - 1, 1))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(-3)

    def _take(self) -> None:
        self._width = self.size.width
        self._blank = Strip.blank(self._width, self.rich_style)
        self._lines = self._draw(self._statement)
        self._top = min(self._top, max(len(self._lines) - self.size.height, 0))
        self.refresh()

    def _draw(self, statement: str) -> list[Strip]:
        width = self.size.width - 2  # a gap and the scroll bar
        if width <= 0:
            return []
        key = (statement, width, self.rich_style)
        known = self._drawn.pop(key, None)
        if known is None:
            console = self.app.console
            options = console.options.update(width=width, height=None, highlight=False)
            lines = console.render_lines(at_once(statement), options, style=self.rich_style, pad=True)
            gap = Segment("  ", self.rich_style)
            known = [Strip([*line, gap], width + 2) for line in lines]
        self._drawn[key] = known
        if len(self._drawn) > KEPT:
            self._drawn.pop(next(iter(self._drawn)))
        return known

    def render_line(self, y: int) -> Strip:
        """One line, as Textual asks for it, with its part of the scroll bar."""
        if self._width != self.size.width:
            self._take()
        place, height = y + self._top, self.size.height
        line = self._lines[place] if place < len(self._lines) else self._blank
        if len(self._lines) <= height or not height:
            # The very same strip each time: Textual keeps with it what it has worked out of it.
            return line
        first = self._top * height // len(self._lines)
        last = -(-(self._top + height) * height // len(self._lines))
        style, bar = (self.rich_style, "┃") if first <= y < last else (self.rich_style + Style(dim=True), "│")
        return Strip([*line.crop(0, self.size.width - 1), Segment(bar, style)], self.size.width)

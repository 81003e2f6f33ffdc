"""Two versions of a source on the whole screen, with what changed between them."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from grader.text import one_line
from grader.tui.widgets.difference_view import MOST_LINES, DifferenceView
from grader.tui.widgets.scroller import Scroller

SIDE_BY_SIDE = 110
# Rows of the screen above a change that n leads to.
ABOVE = 2


class DifferenceScreen(Screen[None]):
    """Shows the difference between `left` and `right`, each a name and a source, all of them data.

    Side by side where there is room, unified below. n and N go from change to change, Esc or q closes it.
    """

    CSS_PATH = "difference.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "change(1)", "Next change", id="difference-next"),
        Binding("N", "change(-1)", "Previous change", key_display="N", id="difference-previous"),
        Binding("escape,q", "dismiss", "Close", id="difference-close"),
    ]

    def __init__(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        super().__init__()
        self._names = tuple(one_line(name, 60) or "?" for name, _ in (left, right))
        self._view = DifferenceView(left[1], right[1])
        self._at = 0

    def compose(self) -> ComposeResult:
        yield Static(self._heading(), id="difference-names", markup=False)
        with Scroller(id="difference-box"):
            yield self._view
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin at the first change."""
        self._say()
        self.call_after_refresh(self._go)

    def on_resize(self, event: events.Resize) -> None:
        """Two columns of code need room."""
        self._view.side_by_side = event.size.width >= SIDE_BY_SIDE
        if self._at:
            self.call_after_refresh(self._go)

    def action_change(self, by: int) -> None:
        """To the next change, or the one before; round at the ends."""
        count = len(self._view.compared.changes)
        if count:
            self._at = (self._at + by) % count
            self._go()

    def _go(self) -> None:
        rows = self._view.change_rows()
        if self._at < len(rows):
            self.query_one(Scroller).scroll_to(y=max(rows[self._at] - ABOVE, 0), animate=False)
        self._say()

    def _say(self) -> None:
        box, count = self.query_one(Scroller), len(self._view.compared.changes)
        box.border_title = Content(self.summary)
        box.border_subtitle = Content(f"change {self._at + 1} of {count}") if count > 1 else None

    @property
    def summary(self) -> str:
        """What differs, in words."""
        return f"{self._what()} (in the first {MOST_LINES} lines)" if self._view.cut else self._what()

    def _what(self) -> str:
        compared = self._view.compared
        count = len(compared.changes)
        if count:
            removed = sum(row.left is not None for row in compared.rows if row.kind != "same")
            added = sum(row.right is not None for row in compared.rows if row.kind != "same")
            return f"{count} {'change' if count == 1 else 'changes'}, -{removed} +{added} lines"
        if compared.end_differs:
            return "Nothing differs but the line break at the end of the file"
        if self._view.line_ends_differ:
            return "Nothing differs but the kind of line breaks (CR LF or LF)"
        return "Nothing differs"

    def _heading(self) -> Content:
        left, right = self._names
        return Content.assemble((" - ", "bold $text-error"), left, ("    + ", "bold $text-success"), right)

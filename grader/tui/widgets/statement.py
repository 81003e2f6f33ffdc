"""The statement of the exercise that is open, as Markdown in a box that scrolls."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from grader.tui.markdown import at_once, rendered


class Statement(VerticalScroll, can_focus=True):
    """Shows one statement. The first one is painted as plain text and rendered right after, see `grader.tui.markdown`."""

    def __init__(self, statement: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._statement = statement

    def compose(self) -> ComposeResult:
        yield Static(at_once(self._statement), id="statement-text", markup=False)

    @property
    def statement(self) -> str:
        """What is shown."""
        return self._statement

    def show(self, statement: str) -> None:
        """Show another one, from its top."""
        self._statement = statement
        self.query_one("#statement-text", Static).update(at_once(statement))
        self.scroll_home(animate=False)

    def polish(self) -> None:
        """Render it as Markdown. To be called when the renderer has been loaded."""
        self.query_one("#statement-text", Static).update(rendered(self._statement))

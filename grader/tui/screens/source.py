"""A source on the whole screen, such as that of an earlier attempt."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer

from grader.text import one_line
from grader.tui.widgets.scroller import Scroller
from grader.tui.widgets.source_view import SourceView


class SourceScreen(Screen[None]):
    """Shows `source` under the name `name`, both of them data. Esc or q closes it."""

    CSS_PATH = "source.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close", id="source-close")]

    def __init__(self, name: str, source: str) -> None:
        super().__init__()
        self._title, self._source = name, source

    def compose(self) -> ComposeResult:
        with Scroller(id="source-box") as box:
            box.border_title = Content(one_line(self._title, 100) or " ")
            count = len(self._source.splitlines())
            box.border_subtitle = Content(f"{count} {'line' if count == 1 else 'lines'}")
            yield SourceView(self._source)
        yield Footer(show_command_palette=False)

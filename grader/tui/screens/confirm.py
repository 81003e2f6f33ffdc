"""A question before something that is not to happen by mistake. Answers; does nothing itself."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from grader.text import clean, one_line


class Confirm(ModalScreen[bool]):
    """Yes or no, by key, button or mouse. "No" has the focus, so that Enter alone changes nothing."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm-yes"),
        Binding("n", "answer(False)", "No", id="confirm-no"),
        Binding("escape", "answer(False)", "No", id="confirm-leave"),
        Binding("left,right,h,l", "other", "the other answer", show=False, id="confirm-other"),
    ]

    def __init__(self, question: str, detail: str = "", yes: str = "Yes", no: str = "No") -> None:
        """`question` is one line, `detail` what will come of it; all four texts are data."""
        super().__init__()
        self._question, self._detail, self._yes, self._no = question, detail, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(Content.styled(one_line(self._question), "bold"), id="confirm-question", markup=False)
            if self._detail:
                yield Static(Content(clean(self._detail)), id="confirm-detail", markup=False)
            with Horizontal(id="confirm-buttons"):
                yield Button(Content(f"y  {one_line(self._yes, 30)}"), id="yes", compact=True)
                yield Button(Content(f"n  {one_line(self._no, 30)}"), id="no", compact=True)

    def on_mount(self) -> None:
        """Enter alone is "no"."""
        self.query_one("#no").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer and close."""
        self.dismiss(yes)

    def action_other(self) -> None:
        """Focus the other of the two buttons."""
        self.focus_next()

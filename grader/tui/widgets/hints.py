"""The hints taken of the exercise that is open, the newest at the bottom, and how to get the next one. Takes none itself."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from grader.model import Exercise
from grader.results import Hint
from grader.text import clean
from grader.tui.messages import HintWanted
from grader.tui.shown_keys import key_of
from grader.tui.widgets.scroller import Scroller

STAGES = ("the idea", "the shapes", "the equation", "the line")
_CODE = re.compile(r"`([^`\n]+)`")


class Hints(Scroller):
    """One block for each hint taken. Enter asks for the next (HintWanted)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "want", "Next hint", show=False, id="hints-next")]
    DEFAULT_CSS = """
    Hints {
        padding: 0 1;
        scrollbar-size-vertical: 1;
        & > .hint {
            height: auto;
            margin-bottom: 1;
            padding: 0 1;
            border: round $panel;
            border-title-color: $text-muted;
            border-title-style: bold;
        }
        & > .hint.-newest { border: round $secondary; border-title-color: $text; }
        & > #hints-next { height: auto; padding: 0 1; }
        &:focus { background-tint: transparent 0%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._exercise: Exercise | None = None
        self._shown: tuple[str, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="hints-next", markup=False)

    def show(self, exercise: Exercise, hints: list[Hint]) -> None:
        """Show the hints taken of an exercise."""
        same = self._exercise is not None and self._exercise.id == exercise.id
        before, texts = self._shown, tuple(hint.text for hint in hints)
        self._exercise, self._shown = exercise, texts
        after = self.query_one("#hints-next", Static)
        after.update(self._next(exercise, len(hints)))
        if same and texts == before:
            return
        with self.app.batch_update():
            self.query(".hint").remove()
            blocks = [self._block(hint, newest=hint is hints[-1]) for hint in hints]
            self.mount_all(blocks, before=after)
        if same and before is not None and len(texts) > len(before):
            # One was just taken: to be read from its beginning.
            self.call_after_refresh(self.scroll_to_widget, blocks[-1], animate=False, top=True)
        else:
            self.scroll_home(animate=False)

    def action_want(self) -> None:
        """Ask for the next hint, where there is one."""
        if self._exercise is not None and len(self._shown or ()) < len(self._exercise.hints):
            self.post_message(HintWanted())

    def _block(self, hint: Hint, *, newest: bool) -> Static:
        block = Static(_with_code(hint.text), classes="hint -newest" if newest else "hint", markup=False)
        stage = stage_of(hint.number, hint.total)
        block.border_title = Content(f"{hint.number} of {hint.total}{f'  {stage}' if stage else ''}")
        return block

    def _next(self, exercise: Exercise, taken: int) -> Content:
        total = len(exercise.hints)
        if not total:
            return Content.styled("This exercise has no hints. The statement says all there is to say.", "dim")
        if taken >= total:
            solution = key_of(self, "solution", "5")
            return Content.assemble(
                ("That was the last hint. ", "dim"), "The worked solution may be opened now: ",
                (solution, "bold $text-accent"), ".",
            )  # fmt: skip
        key = key_of(self, "hint", "h")
        stage = stage_of(taken + 1, total)
        count = f"{taken} of {total} hints taken. " if taken else f"There are {total} hints, and none is taken yet. "
        return Content.assemble(
            (count, "dim"), (key, "bold $text-accent"), " or ", ("Enter", "bold $text-accent"),
            f" gives the next{f': {stage}' if stage else ''}.",
        )  # fmt: skip


def stage_of(number: int, total: int) -> str:
    """What stage a hint is at; nothing where the course has stages of its own."""
    return STAGES[number - 1] if total == len(STAGES) else ""


def _with_code(text: str) -> Content:
    """A hint with what is between backticks as code. It is full of underscores and asterisks, so Markdown it is not."""
    parts: list[str | tuple[str, str]] = []
    at = 0
    safe = clean(text)
    for match in _CODE.finditer(safe):
        parts += [safe[at : match.start()], (match[1], "bold $text-accent")]
        at = match.end()
    return Content.assemble(*parts, safe[at:])

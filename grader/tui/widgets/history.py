"""The attempts at the exercise that is open, the newest first; tells which one is to be read, compared or brought back.

Reads no source and changes nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from grader.localtime import local_now
from grader.model import Attempt, Exercise
from grader.text import one_line, seconds
from grader.tui.shown_keys import key_of

# More would take a while to lay out, and nobody scrolls that far; the command shows them all.
MOST = 1_000
KINDS = {
    "save": "saved",
    "run": "run",
    "verify": "verified",
    "review": "review",
    "reset": "kept before a reset",
    "restore": "kept before a restore",
    "review-kept": "kept before a review",
}
_STATUS = {
    "passed": ("✓", "passed", "$text-success"),
    "failed": ("✗", "failed", "$text-error"),
    "error": ("✗", "error", "$text-error"),
    "not_started": ("·", "not started", "dim"),
    "ungraded": ("·", "copy", "dim"),
}


class AttemptList(OptionList):
    """The list, with j and k besides the arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False, id="history-down"),
        Binding("k", "cursor_up", "Up", show=False, id="history-up"),
    ]


class History(Widget):
    """A list of attempts. Its keys are named below the list: at 80 columns the footer has no room for them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "diff", "Compare", show=False, id="history-diff"),
        Binding("space", "mark", "Mark", show=False, id="history-mark"),
        Binding("R", "restore", "Bring back", show=False, key_display="R", id="history-restore"),
    ]
    DEFAULT_CSS = """
    History {
        layout: vertical;
        height: 1fr;
        & > #history-empty { height: auto; padding: 0 2; color: $text-muted; }
        & > AttemptList {
            height: 1fr;
            border: none;
            padding: 0 1;
            background: transparent;
            scrollbar-size-vertical: 1;
            & > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: none; }
            &:focus {
                border: none;
                background-tint: transparent 0%;
                & > .option-list--option-highlighted { background: $primary 30%; color: $foreground; text-style: bold; }
            }
        }
        & > #history-detail { height: auto; padding: 0 2; }
    }
    """

    @dataclass
    class SourceWanted(Message):
        """The learner wants to read the source of an attempt."""

        sequence: int

    @dataclass
    class DiffWanted(Message):
        """Two attempts are to be compared, the older one first; `second` is None for the file as it is now."""

        first: int
        second: int | None

    @dataclass
    class RestoreWanted(Message):
        """An attempt's source is to become the file again."""

        sequence: int

    def __init__(self, *, id: str | None = None, now: Callable[[], datetime] = local_now) -> None:
        """`now` gives the present moment, aware of the learner's zone."""
        super().__init__(id=id)
        self._now = now
        self._exercise: Exercise | None = None
        self._attempts: dict[int, Attempt] = {}
        self._marked: int | None = None
        self._left_out = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="history-empty", markup=False)
        yield AttemptList(id="history-list", markup=False)
        yield Static("", id="history-detail", markup=False)

    def on_mount(self) -> None:
        """There is nothing to show yet."""
        self.query_one("#history-empty", Static).display = False

    def show(self, exercise: Exercise, attempts: list[Attempt]) -> None:
        """Show these attempts at an exercise. The cursor and the mark stay where they were."""
        same = self._exercise is not None and self._exercise.id == exercise.id
        under = self._under() if same else None
        top = max(self._attempts, default=None) if same else None
        newest = sorted(attempts, key=lambda attempt: attempt.sequence, reverse=True)
        self._exercise = exercise
        self._attempts = {attempt.sequence: attempt for attempt in newest[:MOST]}
        self._left_out = max(len(newest) - MOST, 0)
        if not same or self._marked not in self._attempts:
            self._marked = None
        listed = self.query_one(AttemptList)
        listed.clear_options()
        listed.add_options([Option(self._label(attempt), str(n)) for n, attempt in self._attempts.items()])
        empty = self.query_one("#history-empty", Static)
        empty.update(Content("No attempts yet. Every save that is graded is kept here, so that nothing is ever lost."))
        empty.display, listed.display = not self._attempts, bool(self._attempts)
        if self._attempts:
            # A cursor on the newest stays on the newest.
            stay = under in self._attempts and under != top
            listed.highlighted = list(self._attempts).index(under) if stay and under is not None else 0
        self._say()

    # -- keys --------------------------------------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.post_message(self.SourceWanted(int(event.option_id)))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._say()

    def action_diff(self) -> None:
        """Compare the attempt under the cursor with the one that is marked, else with the file as it is now."""
        under = self._under()
        if under is None:
            return
        if self._marked is None or self._marked == under:
            self.post_message(self.DiffWanted(under, None))
        else:
            self.post_message(self.DiffWanted(*sorted((under, self._marked))))

    def action_mark(self) -> None:
        """Mark the attempt under the cursor, or take its mark away."""
        before, under = self._marked, self._under()
        if under is None:
            return
        self._marked = None if under == before else under
        for number in {before, under} - {None}:
            self.query_one(AttemptList).replace_option_prompt(str(number), self._label(self._attempts[number or 0]))
        self._say()

    def action_restore(self) -> None:
        """Ask for the attempt under the cursor to be brought back."""
        under = self._under()
        if under is not None:
            self.post_message(self.RestoreWanted(under))

    def _under(self) -> int | None:
        """The attempt under the cursor."""
        highlighted = self.query_one(AttemptList).highlighted_option
        return int(highlighted.id) if highlighted is not None and highlighted.id is not None else None

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _label(self, attempt: Attempt) -> Content:
        mark, word, style = _STATUS.get(attempt.status, ("·", one_line(attempt.status, 11), "dim"))
        copy = attempt.status == "ungraded"
        chosen = attempt.sequence == self._marked
        score = "" if copy else f"{attempt.score:.0%}"
        return Content.assemble(
            ("◆ " if chosen else "  ", "bold $text-accent"),
            (f"{attempt.sequence:>4}  ", "dim"),
            f"{when(attempt.at, self._now()):<13} ",
            (f"{mark} {word:<11} ", style),
            f"{score:>5}  ",
            (self._remarks(attempt), "dim"),
        )

    def _remarks(self, attempt: Attempt) -> str:
        kind = KINDS.get(attempt.kind, one_line(attempt.kind, 24))
        now = self._exercise.suite_version if self._exercise is not None else attempt.suite_version
        old = attempt.suite_version != now and attempt.status != "ungraded"
        return f"{kind}, checks of version {attempt.suite_version}" if old else kind

    def _say(self) -> None:
        detail = self.query_one("#history-detail", Static)
        under = self._under()
        if under is None or under not in self._attempts:
            detail.update("")
            return
        attempt = self._attempts[under]
        at = _moment(attempt.at, self._now())
        exact = at.strftime("%Y-%m-%d %H:%M:%S") if at is not None else one_line(attempt.at, 40)
        took = "" if attempt.status == "ungraded" else f", graded in {seconds(attempt.duration_s)}"
        other = "the file now" if self._marked in (None, under) else f"attempt {self._marked}"
        older = f"\n{self._left_out} older ones: `gradlings history` lists them." if self._left_out else ""
        key = "bold $text-accent"
        detail.update(
            Content.assemble(
                (f"Attempt {under}, {exact}{took}{older}\n", "dim"),
                ("Enter", key), " read  ", (key_of(self, "history-diff", "d"), key), f" compare with {other}  ",
                (key_of(self, "history-mark", "space"), key), " unmark  " if self._marked == under else " mark  ",
                (key_of(self, "history-restore", "R"), key), " bring back",
            )
        )  # fmt: skip


def when(at: str, now: datetime) -> str:
    """A moment (ISO 8601 with offset) as one says it at `now`, in its zone: "5 min ago", "12 Nov 18:30", "12 Nov 2025"."""
    moment = _moment(at, now)
    if moment is None:
        return one_line(at, 13)
    age = now - moment
    if timedelta(0) <= age < timedelta(days=1):
        minutes = int(age.total_seconds() // 60)
        if minutes < 60:
            return f"{minutes} min ago" if minutes else "just now"
        return f"{minutes // 60} h ago"
    day = f"{moment.day} {moment:%b}"
    return f"{day} {moment:%H:%M}" if moment.year == now.year else f"{day} {moment.year}"


def _moment(at: str, now: datetime) -> datetime | None:
    """The moment in the zone of `now`; None where a damaged database gives none."""
    try:
        return datetime.fromisoformat(at).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        return None

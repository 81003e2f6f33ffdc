"""Reviews: which passed exercises are due to be written again, what comes later, and the keys to begin, edit or give up one.

Shows rows that are handed in and asks for what is to be done by message; begins, grades and opens nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from grader.localtime import when
from grader.results import ReviewRow
from grader.text import one_line
from grader.tui.shown_keys import key_of
from grader.tui.widgets.calendar import QUIET, count, day_name
from grader.tui.widgets.lines import fit

WHAT = (
    "What you passed comes back before you forget it, to be written once more.\n"
    "Each time it stays away longer. Your own file and your progress stay."
)
EMPTY = "Nothing to review yet. A day or more after you have passed an exercise, it comes up here."
Kind = Literal["begun", "due", "later"]
HEADINGS: dict[Kind, str] = {"begun": "Under way", "due": "Due", "later": "Later"}
MARKS: dict[Kind, tuple[str, str]] = {
    "begun": ("▸", "$text-accent"), "due": ("●", "$text-warning"), "later": ("·", QUIET),
}  # fmt: skip
DAYS_A_MONTH, DAYS_A_YEAR = 30.4, 365.25
WHEN_WIDTH, LONGEST_TITLE = 15, 48
ROOMY = 100


class ReviewList(OptionList):
    """The reviews, with j and k besides the arrows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Begin or go on", id="review-begin"),
        Binding("down,j", "cursor_down", "Down", show=False, id="review-down"),
        Binding("up,k", "cursor_up", "Up", show=False, id="review-up"),
    ]


class ReviewScreen(Screen[None]):
    """A list of what is under way, due and to come, and what is known of the one under the cursor."""

    CSS_PATH = "review.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="review-edit"),
        Binding("g", "give_up", "Give up", id="review-give-up"),
        Binding("x", "again", "Start again", id="review-again"),
        Binding("escape,q", "leave", "Close", id="review-close"),
    ]

    @dataclass
    class BeginWanted(Message):
        """A review is to begin, or to go on; `again`: with a blank stub, although it is under way."""

        exercise: str
        again: bool = False

    @dataclass
    class EditWanted(Message):
        """The file of a review under way is to be opened."""

        exercise: str

    @dataclass
    class GiveUpWanted(Message):
        """A review under way is to end as one that failed."""

        exercise: str

    def __init__(self, rows: list[ReviewRow], titles: Mapping[str, str], now: datetime) -> None:
        """`titles`: exercise id -> title; `now` is aware of the learner's zone, whose days count. All texts are data."""
        super().__init__()
        self._titles, self._now = titles, now
        self._rows: dict[str, ReviewRow] = {}
        self._first = rows
        # What a second press of a key would do: the key's action and the exercise.
        self._asked: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="review") as box:
            box.border_title = "Review"
            yield Static(WHAT, id="review-what", markup=False)
            yield Static("", id="review-told", markup=False)
            yield Static("", id="review-empty", markup=False)
            yield ReviewList(id="review-list", markup=False)
            yield Static("", id="review-detail", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show what there is."""
        self.query_one("#review-told").display = False
        self.refresh_rows(self._first)
        self.query_one(ReviewList).focus()

    def on_resize(self, _event: events.Resize) -> None:
        """Titles get what room there is."""
        listed = self.query_one(ReviewList)
        for id, row in self._rows.items():
            listed.replace_option_prompt(id, self._label(row))

    def refresh_rows(self, rows: list[ReviewRow]) -> None:
        """Show these rows; the cursor stays at its exercise, or where that one was."""
        listed = self.query_one(ReviewList)
        under, place = self._under(), listed.highlighted
        groups = {kind: [row for row in rows if _kind(row) == kind] for kind in HEADINGS}
        self._rows = {row.exercise.id: row for some in groups.values() for row in some}
        listed.clear_options()
        for kind, some in groups.items():
            if some:
                heading = Content.assemble((HEADINGS[kind], "bold"), (f"  {len(some)}", QUIET))
                listed.add_option(Option(heading, disabled=True))
                listed.add_options([Option(self._label(row), row.exercise.id) for row in some])
        if under is not None and under.exercise.id in self._rows:
            listed.highlighted = listed.get_option_index(under.exercise.id)
        elif self._rows:
            listed.highlighted = min(place or 1, listed.option_count - 1)
            if self._under() is None:  # a heading
                listed.action_cursor_down()
        self.query_one("#review", Vertical).border_subtitle = Content(summary(rows))
        empty = self.query_one("#review-empty", Static)
        empty.update(EMPTY if not rows else nothing_due(rows, self._titles, self._now))
        empty.display, listed.display = not any(groups["begun"] + groups["due"]), bool(rows)
        if self._asked is not None and not (self._asked[1] in self._rows and self._rows[self._asked[1]].begun):
            self._asked = None
        self._say()

    def tell(self, exercise: str, text: str, good: bool) -> None:
        """Say what came of grading a review; it stays until the next is told."""
        title = self._title(exercise)
        mark = ("✓ ", "bold $text-success") if good else ("✗ ", "bold $text-error")
        self._tell(Content.assemble(mark, (title, "bold"), ": ", one_line(text, 400)))

    # -- keys --------------------------------------------------------------------------------------------------------

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._asked = None
        self._say()
        if event.option_id is not None:
            self.post_message(self.BeginWanted(event.option_id))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self._asked is not None and self._asked[1] != event.option_id:
            self._asked = None
        self._say()

    def action_edit(self) -> None:
        """Ask for the file under the cursor to be opened."""
        row = self._going()
        if row is not None:
            self._asked = None
            self._say()
            self.post_message(self.EditWanted(row.exercise.id))

    def action_give_up(self) -> None:
        """Ask for the review under the cursor to end, at the second press."""
        row = self._going()
        if row is not None and self._twice("give_up", row):
            self.post_message(self.GiveUpWanted(row.exercise.id))

    def action_again(self) -> None:
        """Ask for a blank stub again, at the second press."""
        row = self._going()
        if row is not None and self._twice("again", row):
            self.post_message(self.BeginWanted(row.exercise.id, again=True))

    def action_leave(self) -> None:
        """Take a question back, else close."""
        if self._asked is not None:
            self._asked = None
            self._say()
        else:
            self.dismiss(None)

    def _going(self) -> ReviewRow | None:
        """The review under the cursor if it is under way; if not, say how to begin it."""
        row = self._under()
        if row is not None and not row.begun:
            enter = key_of(self, "review-begin", "enter")
            self._tell(Content(f"{self._title(row.exercise.id)} is not under way yet: {enter} begins it."))
            return None
        return row

    def _twice(self, action: str, row: ReviewRow) -> bool:
        """Whether this is the second press in a row for that exercise; the first asks."""
        wanted = (action, row.exercise.id)
        sure = self._asked == wanted
        self._asked = None if sure else wanted
        self._say()
        return sure

    # -- drawing -----------------------------------------------------------------------------------------------------

    def _under(self) -> ReviewRow | None:
        option = self.query_one(ReviewList).highlighted_option
        return self._rows.get(option.id) if option is not None and option.id is not None else None

    def _title(self, exercise: str) -> str:
        return one_line(self._titles.get(exercise, exercise), 80)

    def _tell(self, text: Content) -> None:
        told = self.query_one("#review-told", Static)
        told.update(text)
        told.display = True

    def _label(self, row: ReviewRow) -> Content:
        kind = _kind(row)
        mark, style = MARKS[kind]
        width = self.size.width or 80
        keeps = f"{'remembered' if width >= ROOMY else 'kept'} for {span(row.stability)}"
        # The box and its padding, the mark, the time, and how long it is remembered.
        room = width - 8 - 2 - WHEN_WIDTH - 2 - 24
        told = f"review/{row.exercise.id}.py" if kind == "begun" else f"due {when(row.due, self._now)}"
        title = fit(self._title(row.exercise.id), max(16, min(LONGEST_TITLE, room)))
        if kind == "begun":
            return Content.assemble((f"{mark} ", style), title, "  ", (told, style))
        return Content.assemble((f"{mark} ", style), title, "  ", f"{told:<{WHEN_WIDTH + 2}}", (keeps, QUIET))

    def _say(self) -> None:
        detail, row = self.query_one("#review-detail", Static), self._under()
        detail.display = row is not None
        if row is None:
            return
        detail.set_class(self._asked is not None, "-asking")
        if self._asked is not None:
            action, key = self._asked[0], "bold $text-accent"
            again = action == "again"
            pressed = key_of(self, "review-again" if again else "review-give-up", "x" if again else "g")
            question = (
                "Start it again with a blank stub? What you have written stays in the history."
                if again
                else "Give it up? It counts as forgotten and comes back soon; its file stays."
            )
            detail.update(
                Content.assemble(
                    (question, "bold $text-warning"), "\n", "Press ", (pressed, key), " once more to do so, ",
                    ("Esc", key), " to keep it.",
                )
            )  # fmt: skip
            return
        detail.update(Content("\n").join([self._history(row), self._what_next(row)]))

    def _history(self, row: ReviewRow) -> Content:
        reviewed = f"reviewed {count(row.reviews, 'time')}" if row.reviews else "not reviewed yet"
        day = day_name(row.due.astimezone(self._now.tzinfo).date(), self._now.date())
        return Content.assemble(
            (row.exercise.id, "bold"), (f"  due {day}; {reviewed}; remembered for {span(row.stability)}", QUIET)
        )

    def _what_next(self, row: ReviewRow) -> Content:
        key = "bold $text-accent"
        enter = key_of(self, "review-begin", "enter")
        if row.begun:
            edit, give_up, again = (
                key_of(self, f"review-{name}", default)
                for name, default in (("edit", "e"), ("give-up", "g"), ("again", "x"))
            )
            return Content.assemble(
                "Write ", (f"review/{row.exercise.id}.py", "underline"), ", and save: it is graded then.  ",
                (edit, key), " edit  ", (give_up, key), " give up  ", (again, key), " start again",
            )  # fmt: skip
        early = "" if row.overdue else "  It is not due yet; to practise earlier does no harm."
        return Content.assemble((enter, key), f" puts the blank stub into review/{row.exercise.id}.py.{early}")


def _kind(row: ReviewRow) -> Kind:
    return "begun" if row.begun else "due" if row.overdue else "later"


def span(days: float) -> str:
    """How long something is remembered, roughly: "about 9 days", "about 4 months"."""
    if days < 1.5:
        return "about a day"
    if days < 2 * DAYS_A_MONTH:
        return f"about {days:.0f} days"
    if days < 2 * DAYS_A_YEAR:
        return f"about {days / DAYS_A_MONTH:.0f} months"
    return f"about {days / DAYS_A_YEAR:.0f} years"


def summary(rows: Sequence[ReviewRow]) -> str:
    """How many there are of each kind."""
    kinds = [_kind(row) for row in rows]
    words = {"begun": "under way", "due": "due", "later": "later"}
    return ", ".join(f"{kinds.count(kind)} {words[kind]}" for kind in HEADINGS if kind in kinds)


def nothing_due(rows: Sequence[ReviewRow], titles: Mapping[str, str], now: datetime) -> str:
    """What comes first where nothing is due. `rows` has at least one."""
    first = min(rows, key=lambda row: row.due)
    title = one_line(titles.get(first.exercise.id, first.exercise.id), 60)
    return f"Nothing is due today. The next one comes {when(first.due, now)}: {title}."

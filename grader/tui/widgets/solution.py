"""The worked solution beside the learner's code, the card of a pass above it, or what is still to be done for it.

Opens nothing itself: it shows what it is given, and tells what the learner asks for.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from grader.course.syntax import parse
from grader.localtime import LocalZone
from grader.model import Exercise
from grader.results import Outcome, ReviewOutcome
from grader.text import clean, one_line
from grader.tui.messages import HintWanted
from grader.tui.shown_keys import key_of
from grader.tui.widgets.scroller import Scroller
from grader.tui.widgets.source_view import SourceView

# From this width on, two columns hold lines of code without folding most of them.
SIDE_BY_SIDE = 110
_KEY = "bold $text-accent"
_MUTED = "dim"


class SolutionPane(Scroller):
    """One of three things: `locked`, `show`, `celebrate`. Scrolls as a whole, so that both sources stay beside each other."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "want", "Open", show=False, id="solution-open")]
    DEFAULT_CSS = """
    SolutionPane {
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &:focus { background-tint: transparent 0%; }
        & > #solution-card {
            height: auto;
            padding: 0 2;
            margin-bottom: 1;
            border: round $success;
            border-title-color: $text-success;
            border-title-style: bold;
        }
        & > #solution-note { height: auto; padding: 0 1; margin-bottom: 1; }
        & > #solution-sources { height: auto; layout: vertical; }
        & .source-box {
            height: auto;
            width: 1fr;
            border: round $panel;
            border-title-color: $text-muted;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 0 1 0 0;
        }
        &.-wide > #solution-sources { layout: horizontal; }
    }
    """

    @dataclass
    class SolutionWanted(Message):
        """The learner wants the solution before a pass; all hints are taken."""

        exercise: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._exercise: Exercise | None = None
        self._wants: Literal["", "hint", "solution"] = ""
        # What the card was shown for: it stays until another exercise is shown, or the code is another.
        self._celebrated: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        yield Static("", id="solution-card", markup=False)
        yield Static("", id="solution-note", markup=False)
        with Container(id="solution-sources"):
            for name, title in (("worked", "The worked solution"), ("yours", "Yours")):
                with Container(classes="source-box", id=f"{name}-box") as box:
                    box.border_title = Content(title)
                    yield SourceView(id=name)

    def on_mount(self) -> None:
        """There is nothing to show yet."""
        for part in ("card", "note", "sources"):
            self.query_one(f"#solution-{part}").display = False

    def on_resize(self, event: events.Resize) -> None:
        """Beside each other where there is room, else one below the other."""
        self.set_class(event.size.width >= SIDE_BY_SIDE, "-wide")

    # -- what is shown -----------------------------------------------------------------------------------------------

    def locked(self, exercise: Exercise, hints_taken: int) -> None:
        """Say what is still to be done before the solution of `exercise` opens."""
        self._begin(exercise)
        left = len(exercise.hints) - hints_taken
        self._wants = "hint" if left > 0 else "solution"
        self._celebrated = None
        self._put("card", None)
        self._put("note", self._what_is_left(exercise, hints_taken, left))
        self._put_sources(None, "")

    def show(self, exercise: Exercise, solution: str, yours: str, *, assisted: bool) -> None:
        """Show the worked solution, or "" where the course keeps it, beside the learner's code.

        `assisted`: it was opened before a pass. The card of a pass with this very code stays above it.
        """
        self._begin(exercise)
        if self._celebrated != (exercise.id, yours):
            self._celebrated = None
            self._put("card", None)
        note = "You opened it before a pass, so that a pass is marked as assisted." if assisted else ""
        self._put_both(solution, yours, note)

    def celebrate(self, outcome: Outcome, attempts: int, solution: str, yours: str) -> None:
        """Show the card of a pass, after so many attempts, above the sources. `solution` as in `show`."""
        self._begin(outcome.exercise)
        self._celebrated = (outcome.exercise.id, yours)
        card = self.query_one("#solution-card", Static)
        card.border_title = Content("✓ Passed" if not isinstance(outcome, ReviewOutcome) else "✓ Reviewed")
        self._put("card", self._card(outcome, attempts))
        self._put_both(solution, yours, "")
        self.scroll_home(animate=False)

    def action_want(self) -> None:
        """Ask for the next hint, or for the solution once there is no hint left."""
        if self._wants == "hint":
            self.post_message(HintWanted())
        elif self._wants == "solution" and self._exercise is not None:
            self.post_message(self.SolutionWanted(self._exercise.id))

    def _begin(self, exercise: Exercise) -> None:
        if self._exercise is None or self._exercise.id != exercise.id:
            self.scroll_home(animate=False)
        self._exercise, self._wants = exercise, ""

    def _put(self, part: str, content: Content | None) -> None:
        place = self.query_one(f"#solution-{part}", Static)
        place.display = content is not None
        place.update(content if content is not None else "")

    def _put_both(self, solution: str, yours: str, note: str) -> None:
        kept = "" if solution else "This course keeps its solutions to itself. Whoever teaches it can tell more."
        told = " ".join(part for part in (note, kept) if part)
        self._put("note", Content.styled(told, _MUTED) if told else None)
        self._put_sources(solution, yours)

    def _put_sources(self, solution: str | None, yours: str) -> None:
        """Show the sources there are; None: neither."""
        sources = {"worked": solution or "", "yours": yours if solution is not None else ""}
        for name, source in sources.items():
            # The learner's file begins with the statement, which is in a pane of its own: here it would hide their code.
            first = _after_statement(source) if name == "yours" else 1
            self.query_one(f"#{name}", SourceView).show(source, first)
            box = self.query_one(f"#{name}-box")
            box.display = bool(source)
            box.border_subtitle = Content(f"from line {first}, below the statement") if first > 1 else None
        self.query_one("#solution-sources").display = any(sources.values())

    # -- in words ----------------------------------------------------------------------------------------------------

    def _what_is_left(self, exercise: Exercise, taken: int, left: int) -> Content:
        head = Content.assemble(
            ("The worked solution is closed.\n\n", "bold"),
            "It opens when you pass; then it stands here beside your own code.\n",
        )
        total = len(exercise.hints)
        if left > 0:
            told = f"{taken} of {total}" if taken else f"none of {total}"
            return head + Content.assemble(
                f"Before that it opens when all hints are taken, which is {told} so far.\n\n",
                ("Enter", _KEY), " or ", (key_of(self, "hint", "h"), _KEY), " gives the next hint.",
            )  # fmt: skip
        why = "All hints are taken" if total else "This exercise has no hints"
        return head + Content.assemble(
            f"{why}: you may open it before. A pass that comes later is marked as assisted.\n\n",
            ("Enter", _KEY), " opens it, having asked.",
        )  # fmt: skip

    def _card(self, outcome: Outcome, attempts: int) -> Content:
        exercise, checks = outcome.exercise, len(outcome.verdict.checks)
        facts = [
            f"{attempts} {'attempt' if attempts == 1 else 'attempts'}" if attempts else "",
            f"all {checks} checks" if checks > 1 else "",
            f"{exercise.points} points" if outcome.first_pass else "passed before",
        ]
        if isinstance(outcome, ReviewOutcome):
            facts = [facts[1], f"rated {outcome.rating}" if outcome.rating else ""]
        parts = [
            Content.styled(one_line(exercise.title), "bold"),
            Content.styled("  ".join(fact for fact in facts if fact), _MUTED),
        ]
        if exercise.learnt:
            parts += [
                Content(),
                Content.styled("What you have learnt", "bold $text-success"),
                Content(clean(exercise.learnt)),
            ]
        parts += [Content(), *self._onwards(outcome)]
        return Content("\n").join(parts)

    def _onwards(self, outcome: Outcome) -> list[Content]:
        lines = []
        if outcome.unlocked:
            opened = ", ".join(one_line(each, 80) for each in outcome.unlocked)
            lines.append(Content.assemble(("Opens  ", _MUTED), opened))
        if isinstance(outcome, ReviewOutcome) and outcome.due is not None:
            due = outcome.due.astimezone(LocalZone())
            lines.append(Content.assemble(("Again  ", _MUTED), f"on {due.day} {due:%B %Y}"))
        if outcome.next is not None:
            lines.append(
                Content.assemble(
                    ("Next   ", _MUTED), (one_line(outcome.next, 80), "bold"), "  ",
                    (key_of(self, "next", "n"), _KEY), " goes there",
                )
            )  # fmt: skip
        else:
            lines.append(Content.styled("Every exercise of the course is passed.", "bold $text-success"))
        return lines


def _after_statement(source: str) -> int:
    """The first line of code below the docstring of a file; 1 where it has none or is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in a string is no business of ours
            body = parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 1
    if len(body) < 2 or not (isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)):
        return 1
    if not isinstance(body[0].value.value, str):
        return 1
    lines, at = source.split("\n"), body[0].end_lineno or 0
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at + 1

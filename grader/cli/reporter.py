"""What `watch` says: as lines for people, or as one JSON object a line. Every line is out before the next thing happens."""

from __future__ import annotations

import io
import math
import threading
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from grader.cli.outcome import print_outcome
from grader.cli.output import data, drawn, print_json_line, print_text, shown_path
from grader.cli.render import count, print_verdict
from grader.cli.verdicts import verdict_value
from grader.model import Check, Curve, Diagnosis, Frame, Point, Verdict
from grader.results import ReviewOutcome
from grader.session import Outcome, Session

# Seconds between two lines of one curve.
APART_SECONDS = 3.0


class Lines:
    """For people, and for screen readers: plain lines from top to bottom."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._told_at: dict[str, float] = {}

    def prepare(self) -> None:
        """Render something unseen, so that the first verdict does not wait for Rich's lazy imports."""
        side = {"dtype": "float64", "shape": [1, 2], "values": [0.5, "NaN"]}
        check = Check("a", "a", "failed", "a", Diagnosis("a", "a"), "a", (Frame("a", 1, "a"),),
                      {"actual": side, "expected": side, "worst": [0, 1]}, "a")  # fmt: skip
        console = Console(file=io.StringIO(), markup=False, emoji=False, highlight=False, force_terminal=True)
        print_verdict(console, Verdict("a", "a/a", "failed", 0.0, (check,)))

    def watching(self, session: Session, exercise: str | None, how: str, keys: bool) -> None:
        for notice in session.notices:
            self.note(notice)
        folder = shown_path(session.workspace.root / "exercises")
        self._print(Text(f"Watching {folder} by {how}; Ctrl-C ends it."))
        if exercise is None:
            self._print(Text("Every exercise of this course is passed. A save of any of them is graded all the same."))
        else:
            self.current(session, exercise)
        if keys:
            self._print(Text("Keys: h hint, n next exercise, r grade again, q quit", style="dim"))

    def current(self, session: Session, exercise: str) -> None:
        """Which exercise, which file, how to proceed."""
        found = session.exercise(exercise)
        self._print(Text(""))
        self._print(data(f"{found.id}: {found.title}, about {count(found.minutes, 'minute')}", "bold"))
        self._print(Text("  Edit ").append(shown_path(session.file(exercise)), style="cyan"))
        self._print(Text("  and save it: it is graded at once. The statement is at the top of the file."))

    def following(self, _session: Session) -> None:
        self._print(
            Text("Another gradlings grades this workspace; its verdicts are shown here as well. Ctrl-C ends it.")
        )

    def grading(self, exercise: str) -> None:
        self._print(Text(f"{exercise}  grading ...", style="dim"))

    def point(self, exercise: str, point: Point, curve: Curve) -> None:  # noqa: ARG002
        """A line now and then: plain lines are for those who read from top to bottom."""
        now = time.monotonic()
        if now - self._told_at.get(point.curve, -math.inf) >= APART_SECONDS:
            self._told_at[point.curve] = now
            self._print(drawn(self._console, curve), 2)

    def outcome(self, session: Session, outcome: Outcome) -> None:
        with self._lock:
            self._console.print()
            print_outcome(self._console, session, outcome)
            self._console.file.flush()

    def followed(self, verdict: Verdict) -> None:
        with self._lock:
            self._console.print()
            print_verdict(self._console, verdict)
            self._console.file.flush()

    def trouble(self, exercise: str, message: str, hint: str | None) -> None:
        self._print(Text(""))
        self._print(Text(exercise, style="bold").append("  not graded", style="bold yellow"))
        for line in filter(None, (message, hint)):
            self._print(data(line), 2)

    def note(self, text: str) -> None:
        self._print(data(text, "yellow"))

    def stopped(self) -> None:
        self._print(Text("Stopped. Everything you saved is kept.", style="dim"))

    def _print(self, text: Text, indent: int = 0) -> None:
        with self._lock:
            print_text(self._console, text, indent)
            self._console.file.flush()


class JsonLines:
    """For programs: `{"event": ...}`, one a line (docs/commands.md)."""

    def prepare(self) -> None:
        """Nothing is lazy here."""

    def watching(self, session: Session, exercise: str | None, how: str, keys: bool) -> None:  # noqa: ARG002
        for notice in session.notices:
            self.note(notice)
        self._say("watching", exercise=exercise, file=self._file(session, exercise), how=how)

    def following(self, session: Session) -> None:
        self._say("following", workspace=str(session.workspace.root))

    def grading(self, exercise: str) -> None:
        """Not an event: nothing has happened yet."""

    def point(self, exercise: str, point: Point, curve: Curve) -> None:  # noqa: ARG002
        self._say(
            "point", exercise=exercise, check=point.check, title=point.title, curve=point.curve, x=point.x, y=point.y
        )

    def outcome(self, _session: Session, outcome: Outcome) -> None:
        self._say(
            "verdict",
            exercise=outcome.exercise.id,
            attempt=outcome.attempt.sequence if outcome.attempt else None,
            first_pass=outcome.first_pass,
            next=outcome.next,
            review=isinstance(outcome, ReviewOutcome),
            verdict=verdict_value(outcome.verdict),
        )

    def followed(self, verdict: Verdict) -> None:
        self._say("followed", exercise=verdict.exercise, verdict=verdict_value(verdict))

    def trouble(self, exercise: str, message: str, hint: str | None) -> None:
        self._say("trouble", exercise=exercise, message=message, hint=hint)

    def note(self, text: str) -> None:
        self._say("note", text=text)

    def stopped(self) -> None:
        self._say("stopped")

    @staticmethod
    def _file(session: Session, exercise: str | None) -> str | None:
        path: Path | None = session.file(exercise) if exercise is not None else None
        return str(path) if path is not None else None

    @staticmethod
    def _say(event: str, **fields: Any) -> None:
        print_json_line({"event": event, **fields})

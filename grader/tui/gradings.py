"""What the save loop tells, put on the workbench: a grading that begins, its checks, its verdict. Grades nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from grader import saving
from grader.curves import Drawing
from grader.model import Check, Verdict
from grader.results import Outcome, ReviewOutcome
from grader.text import one_line, seconds, shown_path

if TYPE_CHECKING:
    from textual.timer import Timer

    from grader.tui.screens.workbench import Workbench

SHOW_SECONDS = 0.12


class Gradings:
    """The gradings of one workbench, one after another as the loop tells of them."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._app = bench.app
        self.verdicts: dict[str, Verdict] = {}
        self.current: str | None = None
        self.last: str | None = None
        self._review = False
        self._finished: list[Check] = []
        self._drawing, self._drawn = Drawing(), True
        self._listed: int | None = None  # how many of them are in the pane; None: it has something else
        self._timer: Timer | None = None
        self._shown = False

    def hear(self, event: saving.Event) -> None:
        """The loop has something to tell."""
        match event:
            case saving.Began(exercise, review):
                self._begin(exercise, review)
            case saving.Checked(exercise, check):
                if exercise == self.current:
                    if any(check.id == each.id for each in self._finished):  # the engine was lost, and grades once more
                        self._finished, self._listed, self._drawing = [], None, Drawing()
                    self._finished.append(check)
            case saving.Pointed(exercise, point):
                if exercise == self.current:
                    self._drawing.add(point)
                    self._drawn = False
            case saving.Graded(outcome):
                self._finish(outcome)
            case saving.Followed(attempt, verdict):
                if attempt.kind == "review":
                    self._app.tell(f"Review: {summary(verdict).plain}", title=attempt.exercise)
                else:
                    self._take(attempt.exercise, verdict)
            case saving.Trouble(exercise, what, hint):
                self._end(exercise)
                self._say(exercise, Text(one_line(what), style="yellow"))
                self._app.tell(what, hint, severity="warning", title=exercise)
            case saving.Watching(how):
                if how != "file events":
                    self._app.tell(f"Saves are noticed by {how}.")
            case saving.Following():
                self._app.tell("Another gradlings grades this workspace; its verdicts are shown here as well.")
            case saving.Alone():
                self._app.tell("The other gradlings has ended; this one grades from now on.")
            case saving.Note(text):
                self._app.tell(text)

    # -- while it runs -----------------------------------------------------------------------------------------------

    def _begin(self, exercise: str, review: bool) -> None:
        self._stop_showing()
        self.current, self._review, self._finished, self._listed = exercise, review, [], None
        self._drawing, self._drawn = Drawing(), True
        # Most gradings end before anybody could read that they have begun, and painting takes a core from them.
        self._timer = self._bench.set_interval(SHOW_SECONDS, self._show)

    def _show(self) -> None:
        """It takes its time: say so, and show what has finished since the last look."""
        exercise = self.current
        if exercise is None:
            return
        on_bench = exercise == self._bench.open_exercise.id and self._bench.whole and not self._review
        if not self._shown:
            self._shown = True
            self._bench.exercises.set_running(exercise)
            self._say(exercise, Text("grading ...", style="yellow"))
        if not on_bench:
            self._listed = None
            return
        if self._listed is None:
            self._listed = 0
            self._bench.checks.begin(self._bench.open_exercise)
        for check in self._finished[self._listed :]:
            self._bench.checks.add(check)
        self._listed = len(self._finished)
        if not self._drawn:
            self._drawn = True
            self._bench.checks.draw(self._drawing.title, self._drawing.curves)

    def busy_with(self, exercise: str) -> bool:
        """Whether the learner's file of that exercise is being graded, and not its review."""
        return exercise == self.current and not self._review

    def opened(self) -> None:
        """The exercise that is being graded was opened: the pane has the checks of another one."""
        self._listed, self._drawn = None, not self._drawing.curves
        if self._shown and self.current is not None:
            self._say(self.current, Text("grading ...", style="yellow"))
            self._show()

    def lost(self) -> None:
        """Nothing is graded any more: what was going on never ends."""
        exercise = self.current
        if exercise is not None:
            self._end(exercise)
            self._say(exercise, Text("! not graded", style="yellow"))

    def _stop_showing(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        if self._shown:
            self._bench.exercises.set_running(None)
        self._timer, self._shown = None, False

    def _end(self, exercise: str) -> None:
        if self.current == exercise:
            self._stop_showing()
            self.current = None

    # -- when it has ended -------------------------------------------------------------------------------------------

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, ReviewOutcome):
            self._reviewed(outcome)
            return
        self._take(outcome.exercise.id, outcome.verdict)
        if outcome.graded and outcome.verdict.passed and outcome.exercise.id == self._bench.open_exercise.id:
            # The verdict is painted before anything is read for what comes beside it.
            self._bench.call_after_refresh(self._bench.celebrate, outcome)

    def _take(self, exercise: str, verdict: Verdict) -> None:
        """A verdict of whatever grader."""
        self._end(exercise)
        self.verdicts[exercise] = verdict
        self.last = exercise
        self._say(exercise, summary(verdict))
        self._bench.call_after_refresh(self._bench.reload_soon)
        if exercise == self._bench.open_exercise.id:
            self._bench.show_verdict(verdict)
            if not verdict.passed and verdict.status != "not_started":
                self._bench.show_pane("checks")
            self._bench.call_after_refresh(self._bench.load_details)
        else:
            known = self._bench.course.exercises.get(exercise)
            go = self._app.key_of("go")
            text = f"{summary(verdict).plain.strip()}. Press {go} to go there."
            self._app.tell(text, title=known.title if known else exercise)

    def _reviewed(self, outcome: ReviewOutcome) -> None:
        """A review is told and no more: what is known of the exercise stays."""
        from grader.localtime import local_now
        from grader.review import after_review

        self._end(outcome.exercise.id)
        verdict = outcome.verdict
        self._say(outcome.exercise.id, Text("review  ").append_text(summary(verdict)))
        file = shown_path(self._app.workspace.review.file(outcome.exercise.id))
        lines = [f"{summary(verdict).plain}. {after_review(outcome, file, local_now())}"]
        failing = next((check for check in verdict.checks if check.failing), None)
        if failing is not None:
            lines.append(failing.diagnosis.message if failing.diagnosis else f"{failing.title}: {failing.message}")
        self._app.tell("\n".join(lines), title=f"Review of {outcome.exercise.title}")
        self._bench.review_ended(outcome.exercise.id, lines[0], verdict.passed)

    def _say(self, exercise: str, what: Text) -> None:
        here = exercise == self._bench.open_exercise.id
        self._bench.status.set_doing(Text("" if here else f"{exercise}  ", style="bold").append_text(what))


def summary(verdict: Verdict) -> Text:
    """How a grading ended, in a line."""
    passed = sum(check.status == "passed" for check in verdict.checks)
    took = seconds(verdict.duration_s)
    of = f"  {passed} of {len(verdict.checks)} checks" if verdict.checks else ""
    match verdict.status:
        case "passed":
            return Text.assemble(("✓ passed", "bold green"), of, (f"  {took}", "dim"))
        case "not_started":
            return Text("· still the stub", style="yellow")
        case "ungraded":
            return Text("! not graded: this is not your code's fault", style="yellow")
        case _:
            return Text.assemble((f"✗ {verdict.status}", "bold red"), of, (f"  {took}", "dim"))

"""What the workbench's panes hold: read from the session behind the app, and put there. The workbench itself is `workbench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import work
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from grader.errors import GradlingsError, UsageError
from grader.model import Exercise
from grader.tui.widgets.course_tree import CourseTree
from grader.tui.widgets.pane_tabs import PaneTabs
from grader.tui.widgets.status import Status

if TYPE_CHECKING:
    from grader.model import Attempt, Verdict
    from grader.results import Hint, Outcome, Row
    from grader.session import Session
    from grader.tui.app import GradlingsApp
    from grader.tui.gradings import Gradings
    from grader.tui.widgets.checks import Checks
    from grader.tui.widgets.hints import Hints
    from grader.tui.widgets.history import History
    from grader.tui.widgets.solution import SolutionPane


class Details(Screen[None]):
    """The part of the workbench that knows what is in the panes and in the list."""

    app: GradlingsApp
    whole: bool
    _open: str
    _rows: dict[str, Row]
    _gradings: Gradings | None

    # What the details need of the workbench.

    @property
    def open_exercise(self) -> Exercise:
        """The exercise that is open."""
        raise NotImplementedError

    def show_pane(self, pane: str) -> bool:
        """Open a pane."""
        raise NotImplementedError

    # -- the open exercise -------------------------------------------------------------------------------------------

    @work(group="details", exclusive=True)
    async def load_details(self) -> None:
        """What is known of the open exercise: its last verdict, hints taken, attempts."""
        from grader.tui.gradings import summary

        exercise = self._open
        if not self.whole:
            return

        def gather(session: Session) -> tuple[Verdict | None, list[Hint], list[Attempt]]:
            return session.last_verdict(exercise), session.hints(exercise), session.history(exercise)

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self.is_attached:
            return
        verdict, hints, attempts = found
        graded = self._gradings
        if graded is None or not graded.busy_with(exercise):
            verdict = verdict if graded is None else graded.verdicts.get(exercise, verdict)
            self.show_verdict(verdict)
            self.status.set_doing(summary(verdict) if verdict else Text("not graded yet", style="dim"))
        else:
            self.query_one(PaneTabs).set_remark("checks", "")
            graded.opened()
        self._show_hints(hints)
        self._show_history(attempts)
        if self.query_one("#panes", ContentSwitcher).current == "solution":
            self.load_solution()

    @work(group="celebration", exclusive=True)
    async def celebrate(self, outcome: Outcome) -> None:
        """A pass: what was learnt, and the solution beside the learner's code; the next key is the learner's."""
        exercise = outcome.exercise.id

        def gather(session: Session) -> tuple[str, str, int]:
            return _solution(session, exercise), _yours(session, exercise), session.progress()[exercise].attempts

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self.whole or not self.is_attached:
            return
        if self._gradings is None or self._gradings.verdicts.get(exercise) is not outcome.verdict:
            return  # a newer save
        solution, yours, attempts = found
        self.solution.celebrate(outcome, attempts, solution, yours)
        self.show_pane("solution")

    @work(group="help")
    async def _count_help(self, pane: str) -> None:
        """Reading what helps counts where a review of the exercise is under way."""
        exercise = self._open

        def note(session: Session) -> None:
            if pane == "solution":
                session.helped(exercise, "solution")
            elif session.hints(exercise):
                session.helped(exercise, "hint")

        await self.app.ask(note)

    # -- the list ----------------------------------------------------------------------------------------------------

    @work(group="reload", exclusive=True)
    async def reload_soon(self) -> None:
        await self._reload()

    async def _reload(self) -> None:
        """The states of all exercises, as the store has them."""
        rows = await self.app.ask(lambda session: session.overview())
        if rows is None or not self.is_attached:
            return
        self._rows = {row.exercise.id: row for row in rows}
        states = {id: row.state for id, row in self._rows.items()}
        self.exercises.set_states([row.exercise.id for row in rows], states)
        passed = sum(row.state in ("passed", "pending") for row in rows)
        self.status.set_passed(passed, len(rows))
        self._remember()

    def _remember(self) -> None:
        """Keep what the next first frame shows, once it is known."""
        if self._rows:
            self.app.remember(self._open, self._rows, {id: row.state for id, row in self._rows.items()})

    def show_verdict(self, verdict: Verdict | None) -> None:
        tabs = self.query_one(PaneTabs)
        if verdict is None:
            self.checks.clear("Nothing is graded yet. Edit the file and save it: it is graded at once.")
            tabs.set_remark("checks", "")
            return
        self.checks.show(self.open_exercise, verdict)
        passed = sum(check.status == "passed" for check in verdict.checks)
        whole = passed == len(verdict.checks)
        remark = f"{passed}/{len(verdict.checks)}" if verdict.checks and verdict.status != "not_started" else ""
        tabs.set_remark("checks", f"{remark} {'✓' if whole else '✗'}" if remark else "", "green" if whole else "red")

    def _show_hints(self, hints: list[Hint]) -> None:
        self.hints.show(self.open_exercise, hints)
        total = len(self.open_exercise.hints)
        self.query_one(PaneTabs).set_remark("hints", f"{len(hints)}/{total}" if total else "")

    def _show_history(self, attempts: list[Attempt]) -> None:
        self.history.show(self.open_exercise, attempts)
        self.query_one(PaneTabs).set_remark("history", str(len(attempts)) if attempts else "")

    @work(group="solution", exclusive=True)
    async def load_solution(self) -> None:
        """The solution beside the learner's code, or what is still to be done for it."""
        exercise = self._open

        def gather(session: Session) -> tuple[str | None, bool, str, int]:
            known = session.progress()[exercise]
            taken = len(session.hints(exercise))
            if known.passed_version is None and not session.store.solution_opened(exercise):
                return None, False, "", taken
            assisted = known.assisted or known.passed_version is None
            return _solution(session, exercise), assisted, _yours(session, exercise), taken

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self.is_attached:
            return
        solution, assisted, yours, taken = found
        if solution is None:
            self.solution.locked(self.open_exercise, taken)
        else:
            self.solution.show(self.open_exercise, solution, yours, assisted=assisted)

    @property
    def exercises(self) -> CourseTree:
        """The list of exercises."""
        return self.query_one(CourseTree)

    @property
    def status(self) -> Status:
        """The line at the bottom."""
        return self.query_one(Status)

    def changed(self) -> None:
        """The file was replaced: what its last verdict said is not about it."""
        if self._gradings is not None:
            self._gradings.verdicts.pop(self._open, None)
        self.load_details()
        self.reload_soon()

    @property
    def checks(self) -> Checks:
        """The pane of the checks, once it is mounted."""
        from grader.tui.widgets.checks import Checks

        return self.query_one(Checks)

    @property
    def hints(self) -> Hints:
        """The pane of the hints."""
        from grader.tui.widgets.hints import Hints

        return self.query_one(Hints)

    @property
    def history(self) -> History:
        """The pane of the attempts."""
        from grader.tui.widgets.history import History

        return self.query_one(History)

    @property
    def solution(self) -> SolutionPane:
        """The pane of the solution."""
        from grader.tui.widgets.solution import SolutionPane

        return self.query_one(SolutionPane)


def _solution(session: Session, exercise: str) -> str:
    """The worked solution; empty where the course keeps it."""
    try:
        return session.solution(exercise).source
    except UsageError:
        return ""


def _yours(session: Session, exercise: str) -> str:
    try:
        return session.workspace.read(exercise)
    except GradlingsError:
        return ""

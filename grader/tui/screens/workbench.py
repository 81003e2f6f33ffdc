"""The main screen: the course at the left, the open exercise beside it, the last verdict below.

Decides what is shown when; what is known comes from the desk, what is drawn is the widgets'.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher

from grader.course.source import statement
from grader.errors import CourseError, GradlingsError
from grader.model import Attempt, Check, Exercise, Verdict
from grader.results import Hint, Outcome, Row, State
from grader.text import one_line, shown_path
from grader.tui.keys import WORKBENCH
from grader.tui.messages import Happened, HintWanted
from grader.tui.widgets.course_tree import CourseTree
from grader.tui.widgets.pane_tabs import Pane, PaneTabs
from grader.tui.widgets.statement import Statement
from grader.tui.widgets.status import Status

if TYPE_CHECKING:
    from grader.session import Session
    from grader.tui.app import GradlingsApp
    from grader.tui.widgets.checks import Checks
    from grader.tui.widgets.hints import Hints
    from grader.tui.widgets.history import History
    from grader.tui.widgets.solution import SolutionPane

NARROW = 100
WIDE = 140
SHOW_SECONDS = 0.12


class Workbench(Screen[None]):
    """Where a learner works. See the module's docstring."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in WORKBENCH]
    app: GradlingsApp

    def __init__(self, exercise: str, order: list[str], states: Mapping[str, State]) -> None:
        """Open on `exercise`; `order` and `states` are what was known when the app was last left."""
        super().__init__()
        self.course = self.app.workspace.course
        self._exercises = self.course.exercises
        self._open = exercise
        self._been: list[str] = []
        self._verdicts: dict[str, Verdict] = {}
        self._grading: str | None = None
        self._finished: list[Check] = []
        self._showing: Timer | None = None
        self._shown_running = False
        self._graded_last: str | None = None
        self._rows: dict[str, Row] = {}
        self._whole = False
        self._known = (order, states)

    # -- the first frame, and what comes after it --------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        order, states = self._known
        self._fit(self.app.size.width)  # at once: to be styled anew would cost the first frame a tenth
        with Horizontal(id="body"):
            yield CourseTree(self.course, order, states)
            with Vertical(id="main"):
                yield PaneTabs(
                    [
                        Pane("statement", "Statement", "1"),
                        Pane("checks", "Checks", "2"),
                        Pane("hints", "Hints", "3"),
                        Pane("history", "History", "4"),
                        Pane("solution", "Solution", "5"),
                    ]
                )
                with ContentSwitcher(initial="statement", id="panes"):
                    yield Statement(self._statement(self._open), id="statement")
        yield Status()
        yield Vertical(id="keys")

    def on_mount(self) -> None:
        """Name what is open; the rest waits until the first frame is on the screen."""
        self._show_names()
        self.query_one(CourseTree).focus()
        self.query_one(CourseTree).set_open(self._open)

    async def complete(self) -> None:
        """Mount what the first frame did without. The app calls this once that is on the screen."""
        from textual.widgets import Footer

        from grader.tui.widgets.checks import Checks
        from grader.tui.widgets.hints import Hints
        from grader.tui.widgets.history import History
        from grader.tui.widgets.solution import SolutionPane

        await self.query_one("#keys").mount(Footer(show_command_palette=False))
        switcher = self.query_one("#panes", ContentSwitcher)
        for pane in (Checks(id="checks"), Hints(id="hints"), History(id="history"), SolutionPane(id="solution")):
            pane.display = False
            await switcher.mount(pane)
        self._whole = True
        self.query_one(Statement).polish()
        await self._reload()
        self._load_details()

    # -- what is open ------------------------------------------------------------------------------------------------

    @property
    def open_exercise(self) -> Exercise:
        """The exercise that is open."""
        return self._exercises[self._open]

    def open(self, exercise: str, *, remember: bool = True) -> None:
        """Show an exercise, its statement first."""
        if exercise == self._open or exercise not in self._exercises:
            return
        if remember:
            self._been.append(self._open)
        self._open = exercise
        self.query_one(Statement).show(self._statement(exercise))
        self.query_one(CourseTree).set_open(exercise)
        self._show_names()
        self.action_show("statement")
        self.remove_class("-tree")
        self._load_details()

    def _statement(self, exercise: str) -> str:
        try:
            text = statement(self.course, exercise)
            heading, _, rest = text.partition("\n")
            return rest.lstrip("\n") if heading.startswith("# ") else text  # the border has the title
        except (CourseError, OSError, SyntaxError, ValueError) as error:
            return f"The statement cannot be read: {one_line(str(error))}"

    def _show_names(self) -> None:
        exercise = self.open_exercise
        main = self.query_one("#main")
        main.border_title = Text(f"{exercise.title}").plain
        main.border_subtitle = f"{exercise.id}  {exercise.minutes} min  {exercise.points} points"
        file = self.app.workspace.file(exercise.id)
        self.query_one(Status).set_file(file, shown_path(file))

    @work(group="details", exclusive=True)
    async def _load_details(self) -> None:
        """What is known of the open exercise: its last verdict, hints taken, attempts."""
        exercise = self._open
        if not self._whole:
            return

        def gather(session: Session) -> tuple[Verdict | None, list[Hint], list[Attempt]]:
            return session.last_verdict(exercise), session.hints(exercise), session.history(exercise)

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self.is_attached:
            return
        verdict, hints, attempts = found
        if self._grading != exercise:
            verdict = self._verdicts.get(exercise, verdict)
            self._show_verdict(verdict)
        self._show_hints(hints)
        self._show_history(attempts)
        if self.query_one("#panes", ContentSwitcher).current == "solution":
            self._load_solution()

    # -- what happens ------------------------------------------------------------------------------------------------

    def on_happened(self, message: Happened) -> None:
        """The save loop has something to tell."""
        from grader import saving

        match message.event:
            case saving.Began(exercise):
                self._begin(exercise)
            case saving.Checked(exercise, check):
                if exercise == self._grading:
                    self._finished.append(check)
            case saving.Graded(outcome):
                self._finish(outcome)
            case saving.Followed(attempt, verdict):
                self._take(attempt.exercise, verdict)
            case saving.Trouble(exercise, what, hint):
                self._end(exercise)
                self._say(exercise, Text(one_line(what), style="yellow"))
                self.app.tell(what, hint, severity="warning", title=exercise)
            case saving.Watching(how):
                if how != "file events":
                    self.app.tell(f"Saves are noticed by {how}.")
            case saving.Following():
                self.app.tell("Another gradlings grades this workspace; its verdicts are shown here as well.")
            case saving.Alone():
                self.app.tell("The other gradlings has ended; this one grades from now on.")
            case saving.Note(text):
                self.app.tell(text)

    def _begin(self, exercise: str) -> None:
        self._stop_showing()
        self._grading, self._finished = exercise, []
        # Most gradings end before anybody could read that they have begun, and painting takes a core from them.
        self._showing = self.set_interval(SHOW_SECONDS, self._show_running)

    def _show_running(self) -> None:
        """A grading that takes its time: say so, and show what has finished since the last look."""
        exercise = self._grading
        if exercise is None:
            return
        if not self._shown_running:
            self._shown_running = True
            self.query_one(CourseTree).set_running(exercise)
            self._say(exercise, Text("grading ...", style="yellow"))
            if exercise == self._open and self._whole:
                self.checks.begin(self.open_exercise)
        finished, self._finished = self._finished, []
        if exercise == self._open and self._whole:
            for check in finished:
                self.checks.add(check)

    def _stop_showing(self) -> None:
        if self._showing is not None:
            self._showing.stop()
        if self._shown_running:
            self.query_one(CourseTree).set_running(None)
        self._showing, self._shown_running = None, False

    def _end(self, exercise: str) -> None:
        if self._grading == exercise:
            self._stop_showing()
            self._grading = None

    def _take(self, exercise: str, verdict: Verdict) -> None:
        """A verdict of whatever grader."""
        self._end(exercise)
        self._verdicts[exercise] = verdict
        self._graded_last = exercise
        self._say(exercise, _summary(verdict))
        self._reload_soon()
        if exercise == self._open:
            self._show_verdict(verdict)
            if not verdict.passed and verdict.status != "not_started":
                self.action_show("checks")
            self._load_details()
        else:
            known = self._exercises.get(exercise)
            title = known.title if known else exercise
            go = self.app.key_of("go")
            self.app.tell(f"{_summary(verdict).plain}. Press {go} to go there.", title=title)

    def _finish(self, outcome: Outcome) -> None:
        exercise, verdict = outcome.exercise.id, outcome.verdict
        self._take(exercise, verdict)
        if outcome.graded and verdict.passed and exercise == self._open:
            self._celebrate(outcome)

    @work(group="celebration", exclusive=True)
    async def _celebrate(self, outcome: Outcome) -> None:
        exercise = outcome.exercise.id

        def gather(session: Session) -> tuple[str, str, int]:
            return _solution(session, exercise), _yours(session, exercise), session.progress()[exercise].attempts

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self._whole or not self.is_attached:
            return
        solution, yours, attempts = found
        self.solution.celebrate(outcome, attempts, solution, yours)
        self.action_show("solution")

    def _say(self, exercise: str, what: Text) -> None:
        line = Text(f"{exercise}  " if exercise != self._open else "", style="bold").append_text(what)
        self.query_one(Status).set_doing(line)

    # -- what is known -----------------------------------------------------------------------------------------------

    @work(group="reload", exclusive=True)
    async def _reload_soon(self) -> None:
        await self._reload()

    async def _reload(self) -> None:
        """The states of all exercises, as the store has them."""
        rows = await self.app.ask(lambda session: session.overview())
        if rows is None or not self.is_attached:
            return
        self._rows = {row.exercise.id: row for row in rows}
        states = {id: row.state for id, row in self._rows.items()}
        self.query_one(CourseTree).set_states([row.exercise.id for row in rows], states)
        passed = sum(row.state in ("passed", "pending") for row in rows)
        self.query_one(Status).set_passed(passed, len(rows))
        self.app.remember(self._open, self._rows, states)

    def _show_verdict(self, verdict: Verdict | None) -> None:
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
    async def _load_solution(self) -> None:
        """The solution beside the learner's code, or what is still to be done for it."""
        exercise = self._open

        def gather(session: Session) -> tuple[str | None, bool, str, int]:
            known = session.progress()[exercise]
            taken = len(session.hints(exercise))
            if known.passed_version is None and not session.store.solution_opened(exercise):
                return None, False, "", taken
            return _solution(session, exercise), known.assisted, _yours(session, exercise), taken

        found = await self.app.ask(gather)
        if found is None or exercise != self._open or not self.is_attached:
            return
        solution, assisted, yours, taken = found
        if solution is None:
            self.solution.locked(self.open_exercise, taken)
        else:
            self.solution.show(self.open_exercise, solution, yours, assisted=assisted)

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

    # -- keys: exercises ---------------------------------------------------------------------------------------------

    @on(CourseTree.Opened)
    def _opened(self, message: CourseTree.Opened) -> None:
        self.open(message.exercise)

    @work(group="go", exclusive=True)
    async def action_next(self) -> None:
        """To the next exercise that is not passed; that becomes the current one."""
        here = self._open
        following = await self.app.ask(lambda session: (session.next(here),))
        if following is None:
            return
        if following[0] is None:
            self.app.tell("Every other exercise is passed.")
            return
        chosen = following[0]
        await self.app.ask(lambda session: None if session.store.read_only else session.set_current(chosen))
        self.open(chosen)

    def action_previous(self) -> None:
        """Back to where the learner was."""
        if self._been:
            self.open(self._been.pop(), remember=False)
        else:
            self.action_step(-1)

    def action_step(self, by: int) -> None:
        """Up or down in the list."""
        listed = self.query_one(CourseTree).shown
        if self._open in listed and 0 <= (place := listed.index(self._open) + by) < len(listed):
            self.open(listed[place])

    def action_go(self) -> None:
        """To what was graded last."""
        if self._graded_last is not None and self._graded_last in self._exercises:
            verdict = self._verdicts.get(self._graded_last)
            self.open(self._graded_last)
            if verdict is not None and not verdict.passed:
                self.action_show("checks")

    def action_filter(self) -> None:
        """Only what is not passed, or all."""
        tree = self.query_one(CourseTree)
        tree.set_filter(not tree.pending_only)
        tree.border_subtitle = "not passed" if tree.pending_only else ""

    def action_tree(self) -> None:
        """Show or hide the list; on a narrow screen it takes the place of the rest."""
        if self.has_class("-narrow"):
            self.toggle_class("-tree")
        else:
            self.toggle_class("-without-tree")
        tree = self.query_one(CourseTree)
        if tree.display:
            tree.focus()
        else:
            self._focus_pane()

    @work(group="modal")
    async def action_search(self) -> None:
        """Search, and go to what was found."""
        from grader.tui.screens.search import Search

        states = {id: row.state for id, row in self._rows.items()}
        found = await self.app.push_screen_wait(Search(self.course, states, self._statement))
        if found is not None:
            self.open(found)

    # -- keys: panes and work ----------------------------------------------------------------------------------------

    def action_show(self, pane: str) -> None:
        """Open a pane."""
        switcher = self.query_one("#panes", ContentSwitcher)
        if pane != "statement" and not self._whole:
            return
        if pane == "solution" and switcher.current != "solution":
            self._load_solution()
        inside = self.focused is not None and switcher in self.focused.ancestors
        switcher.current = pane
        self.query_one(PaneTabs).set_open(pane)
        if inside or self.has_class("-narrow") or self.has_class("-without-tree"):
            self._focus_pane()

    def _focus_pane(self) -> None:
        """Put the focus into the open pane."""
        switcher = self.query_one("#panes", ContentSwitcher)
        shown = switcher.visible_content
        target = next((each for each in [shown, *shown.query("*")] if each.focusable), None) if shown else None
        if target is not None:
            self.call_after_refresh(target.focus)

    def action_again(self) -> None:
        """Grade the file as it is."""
        if self.app.desk is not None:
            self.app.desk.again(self._open)

    @work(group="hint", exclusive=True)
    async def action_hint(self) -> None:
        """Take the next stage of hint."""
        exercise = self._open
        taken = await self.app.ask(lambda session: (session.hint(exercise), session.hints(exercise)))
        if taken is not None and exercise == self._open and self._whole:
            self._show_hints(taken[1])
            self.action_show("hints")

    @work(group="modal")
    async def action_edit(self, line: int | None = None) -> None:
        """Open the learner's file in their editor."""
        from grader.tui.editor import command_for, open_editor

        file = self.app.workspace.file(self._open)
        if not file.exists():
            key = self.app.key_of("reset")
            self.app.tell(f"{shown_path(file)} is not there.", f"{key} puts the stub there.", severity="warning")
            return
        wrong = await open_editor(self.app, command_for(self.app.settings, os.environ, file, line))
        if wrong:
            self.app.tell(wrong, severity="warning")

    @work(group="modal")
    async def action_reset(self) -> None:
        """Put the stub back, having asked; what was there is kept."""
        from grader.tui.screens.confirm import Confirm

        exercise = self.open_exercise
        question = Confirm(
            f"Start {exercise.title} again?",
            "The stub takes the place of your file. What you have now is kept in the history, where R brings it back.",
            "Start again",
            "Keep it",
        )
        if not await self.app.push_screen_wait(question):
            return
        replaced = await self.app.ask(lambda session: session.reset(exercise.id))
        if replaced is not None:
            kept = f" Your version is attempt {replaced.kept.sequence} of the history." if replaced.kept else ""
            self.app.tell(f"{exercise.title} begins again.{kept}")
            self._verdicts.pop(exercise.id, None)
            self._load_details()
            self._reload_soon()

    def action_compare(self) -> None:
        """The comparison of the open check on the whole screen."""
        from grader.tui.screens.comparison import ComparisonScreen

        check = self.checks.opened if self._whole else None
        if check is None or check.comparison is None:
            self.app.tell("The check that is open compares nothing that could be drawn.")
            return
        self.app.push_screen(ComparisonScreen(check.title, check.comparison, self.app.settings.numbers))

    # -- what the panes ask for --------------------------------------------------------------------------------------

    @on(HintWanted)
    def _hint_wanted(self, message: HintWanted) -> None:
        message.stop()
        self.action_hint()

    @work(group="modal")
    async def _open_solution(self) -> None:
        from grader.tui.screens.confirm import Confirm

        exercise = self._open
        question = Confirm(
            "Open the solution before you have passed?",
            "It is there to learn from. A pass that comes later is marked as assisted.",
            "Open it",
            "Not yet",
        )
        if await self.app.push_screen_wait(question):
            await self.app.ask(lambda session: session.solution(exercise, confirm=True))
            self._load_solution()

    # -- keys: screens -----------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Help for where the learner is."""
        from grader.tui.screens.help import HelpScreen, sections_for

        self.app.push_screen(HelpScreen("gradlings", sections_for(self)))

    def action_settings(self) -> None:
        """Theme, editor, keys."""
        self.app.change_settings()

    def action_quit(self) -> None:
        """Leave."""
        self.app.exit()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for both, the list of exercises is shown by itself."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        self.set_class(width < NARROW, "-narrow")
        self.set_class(width >= WIDE, "-wide")


def _summary(verdict: Verdict) -> Text:
    """How a grading ended, in a line."""
    passed = sum(check.status == "passed" for check in verdict.checks)
    took = f"{verdict.duration_s * 1000:.0f} ms" if verdict.duration_s < 1 else f"{verdict.duration_s:.1f} s"
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


def _solution(session: Session, exercise: str) -> str:
    """The worked solution; empty where the course keeps it."""
    try:
        return session.solution(exercise).source
    except GradlingsError:
        return ""


def _yours(session: Session, exercise: str) -> str:
    try:
        return session.workspace.read(exercise)
    except GradlingsError:
        return ""

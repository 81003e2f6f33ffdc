"""The main screen: the course at the left, the open exercise beside it, the last verdict below.

Decides what is shown when; what is known comes from the desk, what is drawn is the widgets'.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Tree

from grader.course.source import statement
from grader.errors import CourseError
from grader.model import Exercise, State
from grader.text import one_line, shown_path
from grader.tui.keys import WORKBENCH
from grader.tui.messages import Happened, HintWanted
from grader.tui.screens.details import Details
from grader.tui.screens.flows import Flows
from grader.tui.widgets.course_tree import CourseTree
from grader.tui.widgets.names import Names
from grader.tui.widgets.pane_tabs import Pane, PaneTabs
from grader.tui.widgets.statement import Statement
from grader.tui.widgets.status import Status

if TYPE_CHECKING:
    from grader.results import Row
    from grader.session import Session
    from grader.tui.gradings import Gradings
    from grader.tui.widgets.check_detail import LineWanted
    from grader.tui.widgets.history import History

NARROW = 100
WIDE = 140
DETAILS_SECONDS = 0.05


class Workbench(Details, Flows):
    """Where a learner works. See the module's docstring."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in WORKBENCH]

    def __init__(self, exercise: str, order: list[str], states: Mapping[str, State]) -> None:
        """Open on `exercise`; `order` and `states` are what was known when the app was last left."""
        super().__init__()
        self.course = self.app.workspace.course
        self._exercises = self.course.exercises
        self._open = exercise
        self._been: list[str] = []
        self._gradings: Gradings | None = None
        self._statements: dict[str, str] = {}
        self._details: Timer | None = None
        self._rows: dict[str, Row] = {}
        self.whole = False
        self._known = (order, states)

    # -- the first frame, and what comes after it --------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        order, states = self._known
        self._fit(self.app.size.width)  # at once: to be styled anew would cost the first frame a tenth
        with Horizontal(id="body"):
            yield CourseTree(self.course, order, states)
            with Vertical(id="main"):
                yield Names(self.open_exercise)
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
        (self.query_one(Statement) if self.has_class("-narrow") else self.exercises).focus()
        self.exercises.set_open(self._open)

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
        self.checks.set_numbers(self.app.settings.numbers)
        self.whole = True
        self.query_one(Statement).polish()
        await self._reload()
        self.load_details()

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
        self.exercises.set_open(exercise)
        self._show_names()
        self.show_pane("statement")
        if self.has_class("-tree"):  # what had the focus is not seen any more
            self.remove_class("-tree")
            self._focus_pane()
        # Not at once: that would hold up the painting, and who goes through the list opens one after another.
        if self._details is not None:
            self._details.stop()
        self._details = self.set_timer(DETAILS_SECONDS, self._opened_for_a_while)

    def _opened_for_a_while(self) -> None:
        self.load_details()
        self._remember()
        self._prepare(self._open)

    def _prepare(self, exercise: str) -> None:
        """Have the statements drawn that may be asked for next: this one and its neighbours."""
        listed = self.exercises.shown
        place = listed.index(exercise) if exercise in listed else 0
        around = listed[place : place + 2] + listed[max(place - 1, 0) : place]
        self.query_one(Statement).prepare(*map(self._statement, around))

    @on(Tree.NodeHighlighted)
    def _pointed_at(self, message: Tree.NodeHighlighted[str]) -> None:
        if message.node.data is not None and self.whole:
            self._prepare(message.node.data)

    def _statement(self, exercise: str) -> str:
        if exercise not in self._statements:
            self._statements[exercise] = self._read_statement(exercise)
        return self._statements[exercise]

    def _read_statement(self, exercise: str) -> str:
        try:
            text = statement(self.course, exercise)
            heading, _, rest = text.partition("\n")
            return rest.lstrip("\n") if heading.startswith("# ") else text  # it is named above the panes
        except (CourseError, OSError, SyntaxError, ValueError) as error:
            return f"The statement cannot be read: {one_line(str(error))}"

    def _show_names(self) -> None:
        exercise = self.open_exercise
        self.query_one(Names).show(exercise)
        file = self.app.workspace.file(exercise.id)
        self.status.set_file(file, shown_path(file))

    # -- what happens ------------------------------------------------------------------------------------------------

    def on_happened(self, message: Happened) -> None:
        """The save loop has something to tell."""
        from grader.tui.gradings import Gradings  # with the loop itself, whose import the first frame does without

        if self._gradings is None:
            self._gradings = Gradings(self)
        self._gradings.hear(message.event)

    def on_lost(self) -> None:
        """A thread behind the app has ended; the app tells of it."""
        if self._gradings is not None:
            self._gradings.lost()

    # -- keys: exercises ---------------------------------------------------------------------------------------------

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
        listed = self.exercises.shown
        if self._open in listed and 0 <= (place := listed.index(self._open) + by) < len(listed):
            self.open(listed[place])

    def action_go(self) -> None:
        """To what was graded last."""
        last = self._gradings.last if self._gradings else None
        if self._gradings is not None and last in self._exercises:
            self.open(last)
            if not self._gradings.verdicts[last].passed:
                self.show_pane("checks")

    @work(group="go", exclusive=True)
    async def action_path(self, name: str) -> None:
        """Choose another path of the course."""
        if await self.app.ask(partial(_set_path, name=name)):
            self.reload_soon()
            self.app.tell(f"You are on the path {name} now.")

    def action_filter(self) -> None:
        """Only what is not passed, or all."""
        tree = self.exercises
        tree.set_filter(not tree.pending_only)
        tree.border_subtitle = "not passed" if tree.pending_only else ""

    def action_tree(self) -> None:
        """Show or hide the list; on a narrow screen it takes the place of the rest."""
        if self.has_class("-narrow"):
            self.toggle_class("-tree")
        else:
            self.toggle_class("-without-tree")
        tree = self.exercises
        if tree.display:
            tree.focus()
        else:
            self._focus_pane()

    @work(group="modal")
    async def action_search(self) -> None:
        """Search, and go to what was found."""
        from grader.tui.screens.search import Search

        states = {id: row.state for id, row in self._rows.items()}
        found = await self.ask_in_front(Search(self.course, states, self._statement))
        if found is not None:
            self.open(found)

    # -- keys: panes and work ----------------------------------------------------------------------------------------

    def action_show(self, pane: str) -> None:
        """Open a pane and go there."""
        if self.show_pane(pane):
            self._focus_pane()
            if pane in ("hints", "solution"):
                self._count_help(pane)

    def show_pane(self, pane: str) -> bool:
        """Open a pane; the focus goes along only where it was in another pane."""
        switcher = self.query_one("#panes", ContentSwitcher)
        if pane != "statement" and not self.whole:
            return False
        if pane == "solution" and switcher.current != "solution":
            self.load_solution()
        inside = self.focused is not None and switcher in self.focused.ancestors
        switcher.current = pane
        self.query_one(PaneTabs).set_open(pane)
        if inside:
            self._focus_pane()
        return True

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
        if taken is not None and exercise == self._open and self.whole:
            self._show_hints(taken[1])
            self.show_pane("hints")

    def line_to_edit(self, file: Path) -> int | None:
        """The last line of the open check's traceback; else where the stub stops, or the first definition."""
        check = self.checks.opened if self.whole else None
        if check is not None and check.status != "passed" and check.traceback:
            return check.traceback[-1].line
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return None
        for wanted in ("raise NotImplementedError", "def ", "class "):
            found = next((n for n, line in enumerate(lines, 1) if line.lstrip().startswith(wanted)), None)
            if found is not None:
                return found
        return None

    def action_compare(self) -> None:
        """The comparison of the open check on the whole screen."""
        from grader.tui.screens.comparison import ComparisonScreen

        check = self.checks.opened if self.whole else None
        if check is None or check.comparison is None:
            self.app.tell("The check that is open compares nothing that could be drawn.")
            return
        self.app.push_screen(ComparisonScreen(check.title, check.comparison, self.app.settings.numbers))

    # -- what the panes ask for --------------------------------------------------------------------------------------

    @on(Tree.NodeSelected)
    def _chosen(self, message: Tree.NodeSelected[str]) -> None:
        """Enter on an exercise opens it; on a topic it folds it, which the tree does itself."""
        if message.node.data is not None:
            self.open(message.node.data)

    @on(HintWanted)
    def _hint_wanted(self) -> None:
        self.action_hint()

    def on_line_wanted(self, message: LineWanted) -> None:
        """A line of the learner's own, in their editor."""
        self.action_edit(message.line)

    def on_history_source_wanted(self, message: History.SourceWanted) -> None:
        """Read an attempt."""
        self.show_source(message.sequence)

    def on_history_diff_wanted(self, message: History.DiffWanted) -> None:
        """Compare attempts."""
        self.show_difference(message.first, message.second)

    def on_history_restore_wanted(self, message: History.RestoreWanted) -> None:
        """Bring an attempt back."""
        self.restore(message.sequence)

    def on_solution_pane_solution_wanted(self) -> None:
        """All hints are taken: the solution may be opened."""
        self.open_solution()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for both, the list of exercises is shown by itself."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        self.set_class(width < NARROW, "-narrow")
        self.set_class(width >= WIDE, "-wide")


def _set_path(session: Session, name: str) -> bool:
    session.set_path(name)
    return True

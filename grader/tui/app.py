"""The app itself: opens the workspace, paints, then starts what grades behind it. Thin: screens decide what is shown.

The first frame is painted before the store, the engine or the panes that need them are loaded; `tests/grader/tui` and a
benchmark hold it to that.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, cast, get_args

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from grader.course.order import course_order
from grader.course.workspace import OWN
from grader.errors import GradlingsError
from grader.model import State
from grader.text import clean, one_line
from grader.tui import settings as settings_of
from grader.tui.keys import unknown
from grader.tui.messages import Happened, Lost
from grader.tui.screens.workbench import Workbench
from grader.tui.settings import Settings
from grader.tui.signals import leave_on_signals
from grader.tui.themes import DARK, LIGHT, markdown_styles, terminal_colours
from grader.tui.widgets.statement import Statement

if TYPE_CHECKING:
    from textual.command import Provider

    from grader.course.workspace import Workspace
    from grader.saving import Event
    from grader.session import Session
    from grader.tui.desk import Desk
    from grader.tui.screens.review import ReviewScreen

T = TypeVar("T")
# What was known when the app was last left, so that the first frame need not wait for the database.
MEMORY = "app.txt"
STATES = get_args(State)
FAULT = "gradlings met a fault of its own"


def _commands() -> type[Provider]:
    from grader.tui.palette import Commands

    return Commands


class GradlingsApp(App[None]):
    """The terminal app on one workspace."""

    TITLE = "gradlings"
    COMMANDS = App.COMMANDS | {_commands}
    # Textual loads the stylesheets of screens that are pushed; the first one is not.
    CSS_PATH = "screens/workbench.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Copy what is selected, else leave", show=False, id="interrupt", priority=True),
        Binding("question_mark,f1", "help", "Help for where you are", show=False, id="help"),
        Binding("ctrl+z", "suspend_process", "Back to the shell; fg returns", show=False, id="suspend"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        settings_path: Path | None = None,
        *,
        poll: bool = False,
        make_session: Callable[[Workspace], Session] | None = None,
    ) -> None:
        super().__init__()
        self.settings_path = settings_path or settings_of.settings_file()
        self.settings, self._complaints = settings_of.load(self.settings_path)
        self.workspace = workspace
        self.desk: Desk | None = None
        self._poll = poll
        self._started = time.time()
        self._make_session = make_session
        self._kept: list[str] = []
        self._styled = False
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.ansi_theme_dark, self.ansi_theme_light = terminal_colours(DARK), terminal_colours(LIGHT)
        self._use(self.settings)

    def get_default_screen(self) -> Screen[Any]:
        """The workbench, with what was known when the app was last left."""
        known = self._remembered()
        if known is None:
            course = self.workspace.course
            along = course_order(course, next(iter(course.paths)))
            order = [*along, *(id for id in course_order(course) if id not in set(along))]
            known = order[0], order, {}
        return Workbench(*known)

    def on_ready(self) -> None:
        """The first frame is there: load the rest."""
        gc.freeze()  # modules and classes, which stay as long as the app
        gc.enable()
        leave_on_signals(self)
        self._begin()

    @work
    async def _begin(self) -> None:
        from grader.tui.desk import Desk

        make = {} if self._make_session is None else {"make_session": self._make_session}
        self.desk = Desk(self.workspace, self._heard, self._failed, poll=self._poll, since=self._started, **make)
        self.desk.start()
        self.style_markdown()
        screen = self.workbench
        await screen.complete()
        complaints = list(self._complaints)
        if self.settings.keys:
            complaints += [f"{self.settings_path}: {each}" for each in unknown(self.settings.keys)]
        for complaint in complaints:
            self.tell(complaint, severity="warning")
        for notice in await self.ask(lambda session: (session.current(), session.notices)[1]) or ():
            self.tell(notice)

    @property
    def workbench(self) -> Workbench:
        """The main screen, whatever lies above it."""
        return next(screen for screen in self.screen_stack if isinstance(screen, Workbench))

    # -- what happens behind -----------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        with contextlib.suppress(Exception):  # the app has ended meanwhile
            self.workbench.post_message(Happened(event))

    def _failed(self, error: BaseException) -> None:
        hint = error.hint if isinstance(error, GradlingsError) else "Leave with q and start gradlings again."
        message = error.message if isinstance(error, GradlingsError) else f"{FAULT}: {one_line(repr(error))}"
        with contextlib.suppress(Exception):
            self.workbench.post_message(Lost(f"Saves are not graded any more: {message}", hint))

    def on_lost(self, message: Lost) -> None:
        """A thread behind the app has ended."""
        self.tell(message.message, message.hint, severity="error")

    async def ask(self, question: Callable[[Session], T]) -> T | None:
        """What `question` returns, asked on the desk's thread; None where it could not be answered, and that was told."""
        from grader.tui.desk import Closed

        if self.desk is None:
            return None
        try:
            return await self.desk.ask(question)
        except Closed:
            return None
        except GradlingsError as error:
            self.tell(error.message, error.hint, severity="warning")
            return None

    # -- telling -----------------------------------------------------------------------------------------------------

    def tell(
        self,
        message: str,
        hint: str | None = None,
        *,
        severity: Literal["information", "warning", "error"] = "information",
        title: str = "",
    ) -> None:
        """Say something in a corner of the screen. The texts are data."""
        text = clean(f"{message}\n{hint}" if hint else message)
        self.notify(text, title=one_line(title, 60), severity=severity, timeout=6 if not hint else 12, markup=False)

    def key_of(self, binding: str) -> str:
        """The key that a binding has now, as one reads it."""
        for active in self.workbench.active_bindings.values():
            if active.binding.id == binding:
                return self.get_key_display(active.binding)
        return binding

    # -- settings and memory -----------------------------------------------------------------------------------------

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        self.theme = settings.theme if settings.theme in self.available_themes else Settings().theme
        self.set_keymap(dict(settings.keys))

    @work(group="modal")
    async def change_settings(self) -> None:
        """Let the learner change the settings, and keep them."""
        from grader.tui.screens.settings import SettingsScreen

        chosen = await self.push_screen_wait(
            SettingsScreen(self.settings, sorted(self.available_themes), self.settings_path)
        )
        if chosen is not None:
            self._use(chosen)
            self.keep_settings()

    def style_markdown(self) -> None:
        """Give Rich's Markdown the colours of the theme."""
        if self._styled:
            self.console.pop_theme()
        self.console.push_theme(markdown_styles(self.current_theme))
        self._styled = True

    def keep_settings(self) -> None:
        """Write the settings to their file."""
        try:
            settings_of.save(self.settings_path, self.settings)
        except OSError as error:
            self.tell(f"The settings could not be kept: {error}", severity="warning")

    def watch_theme(self, theme: str) -> None:
        """What Rich draws follows the theme; and one chosen in the palette is kept."""
        if self.is_running:
            self.style_markdown()
            self.workbench.query_one(Statement).polish()
        if theme != self.settings.theme and self.is_running and not self.is_preview:
            self.settings = replace(self.settings, theme=theme)
            self.keep_settings()

    is_preview = False

    def remember(self, exercise: str, order: Iterable[str], states: Mapping[str, State]) -> None:
        """Keep what the next first frame shows until the database is read: the open exercise, then each one's state."""
        lines = [exercise, *(f"{states.get(id, 'not_started')} {id}" for id in order)]
        if lines != self._kept:
            self._kept = lines
            with contextlib.suppress(OSError):
                (self.workspace.root / OWN / MEMORY).write_text("\n".join(lines), encoding="utf-8")

    def _remembered(self) -> tuple[str, list[str], dict[str, State]] | None:
        """What `remember` wrote; None where it is not there or of another course."""
        try:
            first, *lines = (self.workspace.root / OWN / MEMORY).read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return None
        known = {id: state for state, _, id in (line.partition(" ") for line in lines)}
        exercises = self.workspace.course.exercises
        if first not in exercises or known.keys() != exercises.keys() or not set(known.values()) <= set(STATES):
            return None
        return first, list(known), cast("dict[str, State]", known)

    # -- what the review screen asks for: it lies beside the workbench, so its messages come here --------------------

    def on_review_screen_begin_wanted(self, message: ReviewScreen.BeginWanted) -> None:
        """Make the review's file."""
        self.workbench.begin_review(message.exercise, message.again)

    def on_review_screen_edit_wanted(self, message: ReviewScreen.EditWanted) -> None:
        """Open it in the editor."""
        self.workbench.edit(self.workspace.review.file(message.exercise))

    def on_review_screen_give_up_wanted(self, message: ReviewScreen.GiveUpWanted) -> None:
        """End the review."""
        self.workbench.give_review_up(message.exercise)

    def action_help(self) -> None:
        """Help for the screen in front."""
        from grader.tui.screens.help import HelpScreen, sections_for

        self.push_screen(HelpScreen(self.TITLE or "", sections_for(self.screen)))

    def action_interrupt(self) -> None:
        """Ctrl-C copies where something is selected; elsewhere it ends the program, as everywhere."""
        if self.screen.get_selected_text():
            self.screen.action_copy_text()
            self.screen.clear_selection()
        else:
            self.exit()

    def on_unmount(self) -> None:
        """The app ends: so does everything it has started."""
        if self.desk is not None:
            self.desk.close()


def run(workspace: Workspace, *, poll: bool = False) -> None:
    """Open the app on a workspace until the learner leaves."""
    GradlingsApp(workspace, poll=poll).run()

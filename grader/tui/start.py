"""How the app begins: in a workspace with the workbench, elsewhere with the offer to make one."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from grader.course.read import find_course
from grader.course.workspace import Workspace, find_workspace, init, open_workspace
from grader.errors import GradlingsError
from grader.tui.signals import leave_on_signals, outlive_the_terminal


def start(folder: Path, course: str | None = None, *, poll: bool = False) -> None:
    """Open the app on the workspace that `folder` is in; where there is none, offer to make one.

    `course` says where the course lies (see `find_course`). Raises UsageError and CourseError.
    """
    outlive_the_terminal()
    if find_workspace(folder) is None:
        workspace = _Offer(folder, course).run()
        if workspace is None:
            return
    else:
        workspace = open_workspace(folder, course)
    from grader.tui.app import GradlingsApp

    GradlingsApp(workspace, poll=poll).run()


class _Offer(App[Workspace]):
    """The welcome by itself, until there is a workspace or the learner leaves."""

    TITLE = "gradlings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "Leave", show=False, id="offer-interrupt", priority=True)
    ]

    def __init__(self, folder: Path, spec: str | None) -> None:
        super().__init__()
        from grader.tui.settings import Settings, load, settings_file
        from grader.tui.themes import DARK, LIGHT

        self._folder = folder
        self._spec = spec
        self._course = find_course(spec)
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        wanted = load(settings_file())[0].theme
        self.theme = wanted if wanted in self.available_themes else Settings().theme

    def on_mount(self) -> None:
        gc.enable()  # see the command line's entry
        leave_on_signals(self)
        self._ask()

    def _ask(self) -> None:
        from grader.tui.screens.welcome import Welcome

        self.push_screen(Welcome(self._folder, self._course.title), self._make)

    def _make(self, wanted: Path | None) -> None:
        if wanted is None:
            self.exit()
            return
        try:
            self.exit(init(wanted, self._course, self._spec).workspace)
        except GradlingsError as error:
            self.notify(f"{error.message} {error.hint or ''}".strip(), severity="error", timeout=12, markup=False)
            self._ask()

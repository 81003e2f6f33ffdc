"""The first thing seen in a folder without a workspace: what this is, and where to make one. Makes nothing itself."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Input, Static

from grader.text import one_line, shown_path

NAME = "my-llm"
LOOP = (
    ("1", "Open the file named here in your editor; write what is missing."),
    ("2", "Save. It is graded at once, and the verdict appears here."),
    ("3", "n goes on to the next exercise, h gives a hint, ? tells all the keys."),
)


class Welcome(Screen[Path | None]):
    """Returns the folder in which a workspace is wanted, or None."""

    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "make", "Make it", id="welcome-make"),
        Binding("q,escape", "leave", "Leave", id="welcome-leave"),
    ]

    def __init__(self, folder: Path, course_title: str) -> None:
        """`folder` is where the learner is: the workspace is offered there if it is empty, else in a folder below it."""
        super().__init__()
        self._folder, self._course_title = folder, course_title

    def compose(self) -> ComposeResult:
        here = _is_empty(self._folder)
        with Vertical(id="welcome") as box:
            box.border_title = "gradlings"
            yield Static(Content.styled(one_line(self._course_title, 80), "bold"), id="welcome-course", markup=False)
            lines = [Content.assemble((f"{number}  ", "bold $text-primary"), text) for number, text in LOOP]
            yield Static(Content("\n").join(lines), id="welcome-loop", markup=False)
            why = (
                "This folder is empty: the exercises go right here."
                if here
                else "The exercises go into a folder of their own."
            )
            yield Static(Content(why), id="welcome-why", markup=False)
            path = Input(str(self._folder) if here else f"./{NAME}", id="welcome-path")
            path.border_title = "Folder"
            yield path
            yield Static("", id="welcome-where", markup=False)
            with Horizontal(id="welcome-buttons"):
                yield Button(Content("Make it  Enter"), id="make", compact=True)
                yield Button(Content("Leave  q"), id="leave", compact=True)

    def on_mount(self) -> None:
        """The button has the focus, so that Enter makes it and q is no letter of the path."""
        self.query_one("#make").focus()
        self._tell()

    @property
    def wanted(self) -> Path:
        """The folder as it is typed, seen from where the learner is."""
        typed = self.query_one("#welcome-path", Input).value.strip()
        path = Path(typed)
        with contextlib.suppress(RuntimeError):  # "~nobody"
            path = path.expanduser()
        return self._folder / path

    def _problem(self) -> str | None:
        """Why the folder that is typed cannot be used."""
        if not self.query_one("#welcome-path", Input).value.strip():
            return "Type the name of a folder."
        try:
            wanted = self.wanted.resolve()
            above = next(path for path in (wanted, *wanted.parents) if path.exists())
            wrong = None if above.is_dir() else f"{shown_path(above)} is a file. Type another name."
        except (OSError, ValueError, RuntimeError) as error:  # the last: links that lead in a circle
            return f"There cannot be such a folder: {one_line(str(error), 80)}"
        return wrong

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._tell()

    def _tell(self) -> None:
        problem = self._problem()
        where = self.query_one("#welcome-where", Static)
        where.set_class(problem is not None, "-wrong")
        if problem is not None:
            where.update(Content(f"✗ {problem}"))
            return
        kept = " (what is in it stays)" if self.wanted.is_dir() and not _is_empty(self.wanted) else ""
        where.update(Content(f"makes {one_line(str(self.wanted.resolve()), 400)}{kept}"))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_make()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "make":
            self.action_make()
        else:
            self.action_leave()

    def action_make(self) -> None:
        """Return the folder, unless there cannot be one."""
        if self._problem() is None:
            self.dismiss(self.wanted.resolve())
        else:
            self.query_one("#welcome-path").focus()

    def action_leave(self) -> None:
        """Make nothing."""
        self.dismiss(None)


def _is_empty(folder: Path) -> bool:
    """Whether nothing is in the folder but what is hidden, such as `.git`."""
    try:
        return all(each.name.startswith(".") for each in folder.iterdir())
    except OSError:
        return False

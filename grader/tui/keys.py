"""Every key of the workbench with the id it can be remapped by. The help screen and the documentation are made from it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding

import grader.tui
from grader.course.fields import nearest


@dataclass(frozen=True)
class Key:
    """One binding: its id in the settings' `[keys]`, its keys, the action, and what it does in a few words.

    `label` is what the footer says; without one it is not there. `group` is its heading in the help.
    """

    id: str
    keys: str
    action: str
    does: str
    group: str
    label: str = ""

    def binding(self) -> Binding:
        """As Textual wants it."""
        return Binding(self.keys, self.action, self.label or self.does, show=bool(self.label), id=self.id)


WORKBENCH = (
    Key("next", "n", "next", "the next exercise that is not passed", "Exercises", "Next"),
    Key("previous", "p", "previous", "back to the exercise that was open before", "Exercises"),
    Key("down", "right_square_bracket", "step(1)", "the exercise below in the list", "Exercises"),
    Key("up", "left_square_bracket", "step(-1)", "the exercise above in the list", "Exercises"),
    Key("search", "slash", "search", "search ids, titles and statements", "Exercises", "Search"),
    Key("filter", "f", "filter", "show only what is not passed, or all", "Exercises"),
    Key("go", "g", "go", "go to the exercise that was graded last", "Exercises"),
    Key("tree", "t", "tree", "show or hide the list of exercises", "Exercises"),
    Key("statement", "1", "show('statement')", "the statement", "Panes"),
    Key("checks", "2", "show('checks')", "the checks of the last verdict", "Panes"),
    Key("hints", "3", "show('hints')", "the hints taken", "Panes"),
    Key("history", "4", "show('history')", "your attempts", "Panes"),
    Key("solution", "5", "show('solution')", "the worked solution beside your code", "Panes"),
    Key("edit", "e", "edit", "open the file in your editor", "Work", "Edit"),
    Key("again", "r", "again", "grade the file again", "Work"),
    Key("hint", "h", "hint", "the next hint", "Work", "Hint"),
    Key("compare", "c", "compare", "the comparison, on the whole screen", "Work"),
    Key("reset", "x", "reset", "start the exercise again from its stub", "Work"),
    Key("statistics", "s", "statistics", "activity, progress and what to do next", "Screens", "Stats"),
    Key("review", "v", "review", "passed exercises that are due again", "Screens", "Review"),
    Key("settings", "comma", "settings", "theme, editor and keys", "Screens"),
    Key("help", "question_mark,f1", "help", "help for where you are", "Screens", "Help"),
    Key("quit", "q", "quit", "leave", "Screens", "Quit"),
)


def unknown(ids: Iterable[str]) -> list[str]:
    """A sentence for each of `ids` that no binding of the app has. Imports every screen there is: not for the first frame."""
    known = set(_declared())
    return [
        f'[keys]: there is no key called "{id}". {nearest(id, sorted(known))}'.strip() for id in ids if id not in known
    ]


def _declared() -> Iterator[str]:
    for module in pkgutil.walk_packages(grader.tui.__path__, "grader.tui."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type):
                yield from (b.id for b in vars(each).get("BINDINGS", ()) if isinstance(b, Binding) and b.id)
    yield from (key.id for key in WORKBENCH)

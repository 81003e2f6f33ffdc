"""Help for where the learner is: the keys that work there, as they are mapped now. Does nothing but tell."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from grader.text import one_line
from grader.tui.keys import WORKBENCH

Section = tuple[str, list[tuple[str, str]]]
KEYS_WIDTH = 16
# So many characters of text beside the keys fit at 80 columns.
TEXT_WIDTH = 54
MOVING = ("up", "down", "pageup", "pagedown")
NO_KEY = "no key"


class HelpScreen(ModalScreen[None]):
    """Sections of (keys, what they do), scrolled with the arrow keys or j and k."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark,f1", "leave", "Close", id="help-leave"),
        Binding("down,j", "scroll('down')", "Down", show=False, id="help-down"),
        Binding("up,k", "scroll('up')", "Up", show=False, id="help-up"),
        Binding("pagedown,space", "scroll('page_down')", "Page down", show=False, id="help-page-down"),
        Binding("pageup", "scroll('page_up')", "Page up", show=False, id="help-page-up"),
        Binding("home,g", "scroll('home')", "Top", show=False, id="help-top"),
        Binding("end,G", "scroll('end')", "Bottom", show=False, id="help-bottom"),
    ]

    def __init__(self, title: str, sections: list[Section]) -> None:
        """All texts are data."""
        super().__init__()
        self._heading, self._sections = title, sections

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as box:
            box.border_title = Content(one_line(f"Help: {self._heading}", 60)).markup
            box.border_subtitle = "Esc closes"
            with VerticalScroll(id="help-scroll"):
                for title, rows in self._sections:
                    yield Static(Content(one_line(title)), classes="help-title", markup=False)
                    yield Static(_table(rows), classes="help-rows", markup=False)

    def on_mount(self) -> None:
        """The keys of this screen scroll, whatever has the focus."""
        self.query_one("#help-scroll").can_focus = False

    def action_scroll(self, where: str) -> None:
        """Scroll the sections."""
        getattr(self.query_one("#help-scroll"), f"scroll_{where}")(animate=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)


def _table(rows: list[tuple[str, str]]) -> Content:
    lines = []
    for keys, does in rows:
        shown = one_line(keys, 40)
        style = "dim" if shown == NO_KEY else "bold $text-primary"
        pad = " " * (KEYS_WIDTH - Content(shown).cell_length)
        text = textwrap.wrap(one_line(does), TEXT_WIDTH) or [""]
        lines.append(Content.assemble(pad, (shown, style), "  ", text[0]))
        lines += [Content(" " * (KEYS_WIDTH + 2) + line) for line in text[1:]]
    return Content("\n").join(lines)


def sections_for(screen: Screen[Any]) -> list[Section]:
    """What works on `screen` now: the focused widget's own keys, then the screen's by groups, then what works everywhere.

    Read from the bindings in force, so remapped keys are shown as remapped, and a key that something else has taken is not shown.
    """
    app = screen.app
    in_force = _in_force(screen)
    here = [each for each in in_force if each.node is not screen and each.node is not app]
    sections: list[Section] = [(f"Here: {_name(screen)}", _of_widget(here))]

    of_screen = {each.binding.id: each for each in in_force if each.node is screen and each.binding.id}
    declared = {binding.id for binding in _declared(screen)}
    groups: dict[str, list[tuple[str, str]]] = {}
    for key in WORKBENCH:
        if key.id in declared:
            keys = of_screen[key.id].keys if key.id in of_screen else NO_KEY
            groups.setdefault(key.group, []).append((keys, key.does))
    sections += groups.items()

    known = {key.id for key in WORKBENCH}
    rest = [each for each in in_force if each.node in (screen, app) and each.binding.id not in known and each.says]
    own = [each for each in rest if each.binding.id in of_screen]
    sections.append((_words(type(screen)), [(each.keys, each.says) for each in own]))
    sections.append(("Everywhere", [(each.keys, each.says) for each in rest if each not in own]))

    # Keys are remapped by name, and here is where one would look for the names.
    names = [
        (group, " ".join(key.id for key in WORKBENCH if key.group == group and key.id in declared)) for group in groups
    ]
    others = [each.binding.id for each in [*here, *own] if each.binding.id]
    sections.append(
        ("Names of keys, for [keys] in the settings", [*names, *([("here", " ".join(others))] if others else [])])
    )
    return [section for section in sections if section[1]]


@dataclass(frozen=True)
class _Bound:
    """A binding in force, with all of its keys as one reads them."""

    node: DOMNode
    binding: Binding
    keys: str

    @property
    def says(self) -> str:
        """What it does in a few words, the longer of its two texts. Empty: not for people."""
        text = self.binding.tooltip or self.binding.description
        return "" if self.binding.system else text[:1].lower() + text[1:].removesuffix(".")


def _in_force(screen: Screen[Any]) -> list[_Bound]:
    """The active bindings, those of one action together."""
    found: dict[tuple[int, str], _Bound] = {}
    for active in screen.active_bindings.values():
        same = (id(active.node), active.binding.id or active.binding.action)
        shown = screen.app.get_key_display(active.binding)
        before = found.get(same)
        if before is None:
            found[same] = _Bound(active.node, active.binding, shown)
        elif shown not in before.keys.split():
            found[same] = replace(before, keys=f"{before.keys} {shown}")
    return list(found.values())


def _of_widget(bound: list[_Bound]) -> list[tuple[str, str]]:
    """The keys of the focused widget. Of those Textual gives it only the common ones: moving in one row, and Enter."""
    ours = [(each.keys, each.says) for each in bound if each.binding.id and each.says]
    given = {each.binding.key: each for each in bound if not each.binding.id}
    moving = " ".join(given[key].keys for key in MOVING if key in given)
    rows = [(moving, "move or scroll")] if moving else []
    rows += [(given["enter"].keys, given["enter"].says)] if "enter" in given and given["enter"].says else []
    return ours + rows


def _declared(screen: Screen[Any]) -> list[Binding]:
    """The bindings with ids that the screen's classes declare: ours; Textual's have none."""
    of_classes = (vars(each).get("BINDINGS", ()) for each in type(screen).__mro__)
    return [each for bindings in of_classes for each in bindings if isinstance(each, Binding) and each.id]


def _name(screen: Screen[Any]) -> str:
    """The focused widget by its name: the nearest around it that is not one of Textual's own."""
    focused = screen.focused
    if focused is None:
        return ""
    chain = [node for node in focused.ancestors_with_self if node is not screen and node is not screen.app]
    ours = next((node for node in chain if not type(node).__module__.startswith("textual.")), focused)
    return _words(type(ours))


def _words(of: type[object]) -> str:
    """`CourseTree` as "Course tree"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", of.__name__.removesuffix("Screen").removesuffix("Pane")).capitalize()

"""The help tells the keys that work, as they are mapped; the documentation tells the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import OptionList, Static

from grader.tui.keys import WORKBENCH
from grader.tui.screens.help import NO_KEY, HelpScreen, Section, sections_for

DOCS = Path(__file__).parents[3] / "docs" / "app.md"
HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"


class BoxOfTests(Vertical):
    """A widget of ours around one of Textual's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "difference", "Show the difference", id="box-difference"),
        Binding("j,k", "walk", "Walk", id="box-walk"),
    ]

    def compose(self) -> ComposeResult:
        yield OptionList("a", "b")


class Bench(Screen[None]):
    """The workbench's keys without the workbench."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in WORKBENCH]

    def compose(self) -> ComposeResult:
        yield BoxOfTests()

    def action_quit(self) -> None:
        """A key that would do something."""


class Shelf(Screen[None]):
    """Another screen of ours, with nothing in the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("w", "week", "One week", id="shelf-week")]


class Harness(App[None]):
    def __init__(self, screen: Screen[None], keys: Mapping[str, str]) -> None:
        super().__init__()
        self._first = screen
        self.set_keymap(dict(keys))

    def get_default_screen(self) -> Screen[None]:
        return self._first


def sections(screen: Screen[None], keys: Mapping[str, str] | None = None, *, focus: bool = True) -> list[Section]:
    async def scenario() -> list[Section]:
        app = Harness(screen, keys or {})
        async with app.run_test(size=(80, 24)) as pilot:
            if focus:
                screen.query_one(OptionList).focus()
            await pilot.pause()
            return sections_for(screen)

    return asyncio.run(scenario())


def test_every_key_of_the_workbench_is_told_in_its_group() -> None:
    found = dict(sections(Bench()))
    for key in WORKBENCH:
        assert key.does in [does for _, does in found[key.group]]
    assert ("n", "the next exercise that is not passed") in found["Exercises"]
    assert ("/", "search ids, titles and statements") in found["Exercises"]
    assert ("? f1", "help for where you are") in found["Screens"]


def test_the_focused_widget_comes_first_with_its_own_keys() -> None:
    title, rows = sections(Bench())[0]
    assert title == "Here: Box of tests"
    assert ("d", "show the difference") in rows
    assert ("j k", "walk") in rows
    assert [does for _, does in rows].count("move or scroll") == 1
    assert rows[-1][1] == "select"


def test_without_a_focus_there_is_no_here() -> None:
    class Bare(Bench):
        def compose(self) -> ComposeResult:
            yield Static("x")

    assert sections(Bare(), focus=False)[0][0] == "Exercises"


def test_keys_are_told_as_remapped() -> None:
    found = dict(sections(Bench(), {"next": "N,ctrl+n", "box-difference": "D"}))
    assert ("N ^n", "the next exercise that is not passed") in found["Exercises"]
    assert ("D", "show the difference") in found["Here: Box of tests"]


def test_a_key_that_was_taken_away_is_told_as_none() -> None:
    found = dict(sections(Bench(), {"next": "e"}))
    assert ("e", "the next exercise that is not passed") in found["Exercises"]
    assert (NO_KEY, "open the file in your editor") in found["Work"]


def test_the_names_for_remapping_are_told() -> None:
    found = dict(sections(Bench()))
    names = " ".join(names for _, names in found["Names of keys, for [keys] in the settings"]).split()
    assert set(names) == {key.id for key in WORKBENCH} | {"box-difference", "box-walk"}


def test_another_screen_tells_its_own_keys_and_none_of_the_workbench() -> None:
    found = dict(sections(Shelf(), focus=False))
    assert found["Shelf"] == [("w", "one week")]
    assert not {key.group for key in WORKBENCH} & found.keys()


def test_hostile_texts_are_shown_as_they_are_and_the_keys_scroll_and_close() -> None:
    rows = [(HOSTILE, HOSTILE)] + [(str(number), f"row {number} " + "long " * 20) for number in range(60)]

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = HelpScreen(HOSTILE, [(HOSTILE, rows)])
            app.push_screen(screen)
            await pilot.pause()
            drawn = app.export_screenshot().replace("&#160;", " ")
            assert drawn.count("[/][red]a[/b] ␛[2J &lt;U+202E&gt;") == 4
            scroll = screen.query_one("#help-scroll")
            await pilot.press("j", "down")
            assert scroll.scroll_y == 2
            await pilot.press("k")
            assert scroll.scroll_y == 1
            await pilot.press("end")
            assert scroll.scroll_y == scroll.max_scroll_y > 24
            await pilot.press("escape")
            assert screen not in app.screen_stack

    asyncio.run(scenario())


# -- the documentation -----------------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, str]]:
    """The rows of the documentation's tables of keys: id -> (keys, what it does)."""
    rows = [
        line.strip("| \n").split(" | ")
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    return {id.strip().strip("`"): (keys.strip(), does.strip()) for keys, does, id in rows}


def as_written(keys: str) -> str:
    """Textual's names for keys as people write them."""
    names = {
        "right_square_bracket": "]",
        "left_square_bracket": "[",
        "slash": "/",
        "comma": ",",
        "question_mark": "?",
        "f1": "F1",
    }
    return ", ".join(f"`{names.get(key, key)}`" for key in keys.split(","))


def test_the_documentation_has_every_key_and_no_other() -> None:
    assert documented() == {key.id: (as_written(key.keys), key.does) for key in WORKBENCH}

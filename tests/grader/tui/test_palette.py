"""The workbench's actions and the course's paths in the command palette."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit
from textual.screen import Screen

from grader.tui.keys import WORKBENCH
from grader.tui.palette import Commands

HOSTILE = '[/][red]it\'s "a" [/b] \x1b[2J'


class Bench(Screen[None]):
    """A screen that can do three of the workbench's actions, and records them."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in WORKBENCH]
    course = SimpleNamespace(paths={"Everything": (), HOSTILE: ()})

    def __init__(self) -> None:
        super().__init__()
        self.done: list[tuple[str, object]] = []

    def action_next(self) -> None:
        self.done.append(("next", None))

    def action_show(self, pane: str) -> None:
        self.done.append(("show", pane))

    def action_path(self, name: str) -> None:
        self.done.append(("path", name))


def ask(steps: Callable[[Commands, Bench], Awaitable[None]]) -> None:
    async def scenario() -> None:
        bench = Bench()

        class Harness(App[None]):
            COMMANDS: ClassVar = {Commands}

            def get_default_screen(self) -> Screen[None]:
                return bench

        app = Harness()
        app.set_keymap({"next": "N"})
        async with app.run_test(size=(80, 24)) as pilot:
            await steps(Commands(bench), bench)
            app.action_command_palette()
            await pilot.pause()
            await pilot.press("p", "a", "t", "h")
            await pilot.pause()

    asyncio.run(scenario())


async def discovered(commands: Commands) -> list[DiscoveryHit | Hit]:
    return [hit async for hit in commands.discover()]


async def searched(commands: Commands, query: str) -> list[DiscoveryHit | Hit]:
    return [hit async for hit in commands.search(query)]


def test_what_the_screen_can_do_is_there_by_its_words_and_key() -> None:
    async def steps(commands: Commands, _: Bench) -> None:
        hits = await discovered(commands)
        texts = [hit.text for hit in hits]
        words = [
            key.does[0].upper() + key.does[1:]
            for key in WORKBENCH
            if key.action == "next" or key.action.startswith("show")
        ]
        assert texts == [*words, "Path: Everything", 'Path: [/][red]it\'s "a" [/b] ␛[2J']
        assert str(hits[0].prompt) == "The next exercise that is not passed  N"

    ask(steps)


def test_a_command_does_what_its_key_does() -> None:
    async def steps(commands: Commands, bench: Bench) -> None:
        for query in ("next exercise", "worked solution", "everything"):
            hits = sorted(await searched(commands, query), reverse=True)
            await hits[0].command()
        assert bench.done == [("next", None), ("show", "solution"), ("path", "Everything")]

    ask(steps)


def test_a_hostile_path_is_shown_as_it_is_and_given_as_it_is() -> None:
    async def steps(commands: Commands, bench: Bench) -> None:
        hits = await searched(commands, "red")
        assert '[/][red]it\'s "a" [/b] ␛[2J' in str(hits[-1].prompt)
        await hits[-1].command()
        assert bench.done == [("path", HOSTILE)]

    ask(steps)


def test_what_does_not_match_is_not_there() -> None:
    async def steps(commands: Commands, _: Bench) -> None:
        assert await searched(commands, "zzzz") == []

    ask(steps)

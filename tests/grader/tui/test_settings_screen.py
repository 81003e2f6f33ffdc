"""The settings screen: what it returns, and that a theme that was only looked at goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static, Switch

from grader.tui.screens.settings import SettingsScreen
from grader.tui.settings import Settings
from grader.tui.themes import DARK, LIGHT

BEFORE = Settings(editor="vim", keys={"next": "N"})


class Harness(App[None]):
    """Notes for each theme it changes to whether that was a preview."""

    is_preview = False

    def __init__(self) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.changes: list[tuple[str, bool]] = []

    def watch_theme(self, theme: str) -> None:
        if self.is_running:
            self.changes.append((theme, self.is_preview))


def change(
    steps: Callable[[Pilot[None], SettingsScreen], Awaitable[None]], settings: Settings = BEFORE
) -> tuple[list[Settings | None], Harness]:
    app, answers = Harness(), list[Settings | None]()

    async def scenario() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            screen = SettingsScreen(settings, sorted(app.available_themes), Path("/home/lea/[red]/settings.toml"))
            app.push_screen(screen, answers.append)
            await pilot.pause()
            await steps(pilot, screen)
            await pilot.pause()

    asyncio.run(scenario())
    return answers, app


def test_ours_come_first_and_the_theme_in_use_is_marked() -> None:
    async def steps(_: Pilot[None], screen: SettingsScreen) -> None:
        themes = screen.query_one(OptionList)
        assert [option.id for option in themes.options][:2] == [DARK.name, LIGHT.name]
        assert themes.highlighted == 0

    change(steps)


def test_a_theme_is_seen_at_once_and_goes_back_with_escape() -> None:
    async def steps(pilot: Pilot[None], _: SettingsScreen) -> None:
        await pilot.press("down")
        await pilot.pause()
        assert pilot.app.theme == LIGHT.name
        await pilot.press("escape")

    answers, app = change(steps)
    assert answers == [None]
    assert app.theme == DARK.name
    assert app.changes == [(LIGHT.name, True), (DARK.name, True)]
    assert app.is_preview is False


def test_what_is_set_is_returned_and_the_rest_stays() -> None:
    async def steps(pilot: Pilot[None], screen: SettingsScreen) -> None:
        await pilot.press("down", "enter")
        screen.query_one(Input).value = "  code -g {file}:{line} "
        await pilot.press("enter")
        assert isinstance(screen.focused, Switch)
        await pilot.press("space", "ctrl+s")

    answers, app = change(steps)
    assert answers == [Settings(LIGHT.name, "code -g {file}:{line}", True, {"next": "N"})]
    assert app.theme == LIGHT.name


def test_nothing_changed_returns_the_same() -> None:
    async def steps(pilot: Pilot[None], screen: SettingsScreen) -> None:
        screen.query_one("#save").focus()
        await pilot.press("enter")

    assert change(steps)[0] == [BEFORE]


def test_the_file_and_the_keys_are_told_as_they_are() -> None:
    async def steps(_: Pilot[None], screen: SettingsScreen) -> None:
        told = str(screen.query_one("#settings-keys", Static).render())
        assert "/home/lea/[red]/settings.toml" in told
        assert 'next = "N"' in told
        assert "[/b] = [red]" in told

    change(steps, Settings(keys={"[/b]": "[red]"}))

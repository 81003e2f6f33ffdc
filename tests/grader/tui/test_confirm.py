"""The question before something that is not to happen by mistake."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App

from grader.tui.screens.confirm import Confirm

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"


def answer(*keys: str, click: str = "", question: Confirm | None = None) -> list[bool | None]:
    """What the screen answered to these keys, if anything; whether a key went through to the app would show as a crash."""
    answers: list[bool | None] = []

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(question or Confirm("Start again?", "What you have is kept."), answers.append)
            await pilot.pause()
            await pilot.press(*keys)
            if click:
                await pilot.click(click)
            await pilot.pause()

    asyncio.run(scenario())
    return answers


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["y"], [True]),
        (["n"], [False]),
        (["escape"], [False]),
        (["enter"], [False]),
        (["left", "enter"], [True]),
        (["h", "enter"], [True]),
        (["tab", "enter"], [True]),
        (["left", "right", "enter"], [False]),
        (["q", "x"], []),
    ],
)
def test_the_keys(keys: list[str], expected: list[bool | None]) -> None:
    assert answer(*keys) == expected


def test_the_mouse() -> None:
    assert answer(click="#yes") == [True]
    assert answer(click="#no") == [False]


def test_hostile_texts_are_shown_as_they_are() -> None:
    async def scenario() -> str:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            app.push_screen(Confirm(HOSTILE, HOSTILE, HOSTILE, "No"))
            await pilot.pause()
            return app.export_screenshot()

    drawn = asyncio.run(scenario()).replace("&#160;", " ")
    assert drawn.count("[/][red]a[/b] ␛[2J &lt;U+202E&gt;") == 3

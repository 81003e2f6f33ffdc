"""The first screen in a folder without a workspace: where one is offered, and what is returned."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from grader.tui.screens.welcome import Welcome

HOSTILE = "[/][red]a[/b] \x1b[2J \u202e"


def welcome(
    folder: Path,
    *keys: str,
    steps: Callable[[Pilot[None], Welcome], Awaitable[None]] | None = None,
    title: str = "LLMs by hand",
) -> list[Path | None]:
    answers: list[Path | None] = []

    async def scenario() -> None:
        app: App[None] = App()
        async with app.run_test(size=(80, 24)) as pilot:
            screen = Welcome(folder, title)
            app.push_screen(screen, answers.append)
            await pilot.pause()
            if steps is not None:
                await steps(pilot, screen)
            await pilot.press(*keys)
            await pilot.pause()

    asyncio.run(scenario())
    return answers


def test_an_empty_folder_is_offered_itself(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert welcome(tmp_path, "enter") == [tmp_path]
    assert [each.name for each in tmp_path.iterdir()] == [".git"]


def test_another_folder_is_offered_one_below(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert welcome(tmp_path, "enter") == [tmp_path / "my-llm"]
    assert not (tmp_path / "my-llm").exists()


def test_q_and_escape_leave(tmp_path: Path) -> None:
    assert welcome(tmp_path, "q") == [None]
    assert welcome(tmp_path, "escape") == [None]


def test_the_path_can_be_edited_and_q_is_a_letter_there(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None], screen: Welcome) -> None:
        screen.query_one(Input).focus()
        screen.query_one(Input).value = ""
        await pilot.press(*"./qq", "enter")

    assert welcome(tmp_path, steps=steps) == [tmp_path / "qq"]


def test_a_home_is_expanded_and_an_absolute_path_stays(tmp_path: Path) -> None:
    async def home(_: Pilot[None], screen: Welcome) -> None:
        screen.query_one(Input).value = "~/llm"

    async def absolute(_: Pilot[None], screen: Welcome) -> None:
        screen.query_one(Input).value = str(tmp_path / "else where")

    assert welcome(tmp_path / "there", "enter", steps=home) == [Path.home().resolve() / "llm"]
    assert welcome(tmp_path / "there", "enter", steps=absolute) == [tmp_path / "else where"]


def told(screen: Welcome) -> str:
    return str(screen.query_one("#welcome-where", Static).render())


def test_what_cannot_be_a_folder_is_told_and_not_returned(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    async def steps(pilot: Pilot[None], screen: Welcome) -> None:
        for value, word in (
            ("notes.txt", "is a file"),
            ("notes.txt/below", "is a file"),
            (" ", "Type the name"),
            ("a\0b", "cannot"),
        ):
            screen.query_one(Input).value = value
            await pilot.pause()
            assert word in told(screen), value
            await pilot.press("enter")
            assert screen.is_current

    assert welcome(tmp_path, steps=steps) == []


def test_what_is_made_is_told_in_full(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()

    async def steps(pilot: Pilot[None], screen: Welcome) -> None:
        assert "my-llm" in told(screen)
        screen.query_one(Input).value = "full"
        await pilot.pause()
        assert "what is in it stays" in told(screen)

    welcome(tmp_path, steps=steps)


def test_the_loop_is_explained_and_a_hostile_title_is_shown_as_it_is(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None], screen: Welcome) -> None:
        drawn = pilot.app.export_screenshot().replace("&#160;", " ")
        assert "[/][red]a[/b] ␛[2J &lt;U+202E&gt;" in drawn
        loop = str(screen.query_one("#welcome-loop", Static).render())
        assert len(loop.splitlines()) == 3
        assert all(word in loop for word in ("editor", "Save", "graded at once", "next exercise"))

    welcome(tmp_path / HOSTILE.replace("/", "_"), steps=steps, title=HOSTILE)

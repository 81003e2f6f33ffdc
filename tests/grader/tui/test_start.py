"""How the app begins: the workbench in a workspace, the offer to make one elsewhere; and what is wrong before it opens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from grader.course.workspace import Workspace, find_workspace
from grader.errors import CourseError, UsageError
from grader.tui import app as app_of
from grader.tui import start as start_of
from grader.tui.screens.welcome import Welcome
from grader.tui.start import _Offer, start

from .bench import ALL, MINICOURSE, copied_course, workspace
from .drawing import drawn


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADLINGS_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "learner").mkdir()
    return tmp_path / "learner"


def offer(folder: Path, scenario: Callable[[_Offer, Pilot[Workspace]], Awaitable[None]]) -> Workspace | None:
    """Play on the offer; what it returns."""

    async def run() -> Workspace | None:
        app = _Offer(folder, str(MINICOURSE))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert isinstance(app.screen, Welcome)
            await scenario(app, pilot)
        return app.return_value

    return asyncio.run(run())


def test_enter_makes_a_workspace_in_an_empty_folder(folder):
    async def scenario(app: _Offer, pilot: Pilot[Workspace]) -> None:
        assert "Numbers and words" in drawn(app.screen)
        await pilot.press("enter")
        await pilot.pause()

    made = offer(folder, scenario)
    assert made is not None
    assert made.root == folder.resolve()
    assert all(made.file(exercise).is_file() for exercise in ALL)


def test_beside_other_files_it_gets_a_folder_of_its_own(folder):
    (folder / "letter.txt").write_text("dear ...")

    async def scenario(_app: _Offer, pilot: Pilot[Workspace]) -> None:
        await pilot.press("enter")
        await pilot.pause()

    made = offer(folder, scenario)
    assert made is not None
    assert made.root == (folder / "my-llm").resolve()
    assert sorted(path.name for path in folder.iterdir()) == ["letter.txt", "my-llm"]


def test_leaving_makes_nothing(folder):
    async def scenario(_app: _Offer, pilot: Pilot[Workspace]) -> None:
        await pilot.press("q")
        await pilot.pause()

    assert offer(folder, scenario) is None
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_told_and_asked_again(folder, tmp_path):
    inside = workspace(tmp_path).root / "notes"
    inside.mkdir()
    told: list[str] = []

    async def scenario(app: _Offer, pilot: Pilot[Workspace]) -> None:
        def note(message: str, **_: Any) -> None:
            told.append(message)

        app.notify = note  # type: ignore[method-assign]
        app.screen.query_one(Input).value = str(inside)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert told
        assert isinstance(app.screen, Welcome)
        await pilot.press("enter")  # with the folder that was offered first
        await pilot.pause()

    made = offer(folder, scenario)
    assert "workspace" in told[0]
    assert made is not None
    assert made.root == folder.resolve()


def test_a_theme_that_is_set_is_used(folder, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/settings.toml").write_text('theme = "gradlings-light"\n')

    async def scenario(app: _Offer, _pilot: Pilot[Workspace]) -> None:
        assert app.theme == "gradlings-light"

    offer(folder, scenario)


def test_a_course_title_is_text(folder, tmp_path):
    course = copied_course(tmp_path)
    file = course / "exercises/course.toml"
    file.write_text(file.read_text().replace("Numbers and words", "Numbers [/b] [@click=app.exit]words"))

    async def run() -> None:
        app = _Offer(folder, str(course))
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            assert "Numbers [/b] [@click=app.exit]words" in drawn(app.screen)

    asyncio.run(run())


@pytest.fixture
def app_opens(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """Which workspaces the app was opened on, and whether it polls."""
    found: list[tuple[Path, bool]] = []

    def run(self: app_of.GradlingsApp) -> None:
        found.append((self.workspace.root, self._poll))

    monkeypatch.setattr(app_of.GradlingsApp, "run", run)
    return found


def test_in_a_workspace_the_app_opens_at_once(tmp_path, app_opens):
    place = workspace(tmp_path)
    start(place.file(ALL[0]).parent, poll=True)
    assert app_opens == [(place.root, True)]


def test_after_the_offer_the_app_opens_on_what_was_made(folder, app_opens, monkeypatch):
    from grader.course.read import read_course
    from grader.course.workspace import init

    made = init(folder, read_course(MINICOURSE), str(MINICOURSE)).workspace
    monkeypatch.setattr(start_of, "find_workspace", lambda _: None)
    answers: list[Workspace | None] = [made, None]
    monkeypatch.setattr(_Offer, "run", lambda _: answers.pop(0))
    start(folder, str(MINICOURSE))
    assert app_opens == [(made.root, False)]
    start(folder, str(MINICOURSE))  # the learner has left
    assert len(app_opens) == 1


def test_a_course_that_is_not_there(folder, tmp_path):
    with pytest.raises((CourseError, UsageError)):
        start(folder, str(tmp_path / "no-such-course"))
    place = workspace(tmp_path)
    with pytest.raises((CourseError, UsageError)):
        start(place.root, str(tmp_path / "no-such-course"))
    assert find_workspace(folder) is None

"""What may go wrong while the app runs: trouble of the engine, the database, the workspace; hostile texts; another program."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from grader.course.workspace import Workspace
from grader.model import Check, Diagnosis, Frame
from grader.session import Session
from grader.store import Store, open_store
from grader.tui.screens.confirm import Confirm
from grader.tui.screens.difference import DifferenceScreen
from grader.tui.screens.source import SourceScreen

from .bench import (
    ALL,
    CLAMP,
    FORBIDDEN,
    HOSTILE,
    SLOPE,
    VOCABULARY,
    Bench,
    Gate,
    StandIn,
    opened,
    play,
    record,
    workspace,
)  # fmt: skip
from .drawing import drawn


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    found = workspace(tmp_path)
    monkeypatch.chdir(found.root)
    return found


def told(bench: Bench, text: str) -> bool:
    return any(text in each for each in bench.app.told)


def test_trouble_of_the_engine_is_told_and_the_next_save_works(place):
    async def scenario(bench: Bench) -> None:
        await bench.graded(CLAMP, "broken")
        await bench.until(lambda: told(bench, "numbers/clamp: The grader broke.\nMend it."))
        assert "The grader broke." in bench.doing
        await bench.graded(CLAMP, "failed")
        await bench.until(lambda: "✗ failed" in bench.doing)

    play(place, scenario)


def test_a_crash_of_the_grading_thread_is_told_and_the_rest_goes_on(place):
    async def scenario(bench: Bench) -> None:
        await bench.save(CLAMP, "x = 1  # crash\n")
        await bench.until(lambda: told(bench, "Saves are not graded any more: gradlings met a fault of its own"))
        await bench.until(lambda: "not graded" in bench.doing)
        await bench.press("h")
        await bench.until(lambda: "must not leave the interval" in bench.seen())

    play(place, scenario)


class Impatient(Session):
    """A session that does not wait long for another program's lock on the database."""

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.workspace.database, busy_seconds=0.1, clock=self._clock)
        return self._store


def test_a_locked_database_is_told_and_the_app_runs_on(place):
    async def scenario(bench: Bench) -> None:
        other = sqlite3.connect(place.database, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            await bench.save(CLAMP, "x = 1  # failed\n")
            await bench.until(lambda: told(bench, "another program"))
            bench.app.told.clear()
            await bench.press("h")
            await bench.until(lambda: told(bench, "another program"))
            other.execute("ROLLBACK")
        finally:
            other.close()
        await bench.press("h")
        await bench.until(lambda: "must not leave the interval" in bench.seen())
        await bench.graded(CLAMP, "failed again")
        await bench.until(lambda: "✗ failed" in bench.doing)
        assert await bench.asked(lambda session: len(session.history(CLAMP))) == 1

    play(place, scenario, make=Impatient)


def test_a_workspace_that_is_removed_is_told(place, monkeypatch):
    monkeypatch.chdir(place.root.parent)

    async def scenario(bench: Bench) -> None:
        shutil.rmtree(place.root)
        await bench.until(lambda: bench.app.told, "a word on it")
        await bench.press("r")
        for key in ("n", "h", "4", "5", "1"):
            await bench.press(key)
        await bench.press("x")
        await bench.screen(Confirm)
        await bench.press("y")
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert bench.app.is_running

    play(place, scenario)


def test_other_files_beside_the_exercises_are_ignored(place):
    async def scenario(bench: Bench) -> None:
        folder = place.file(CLAMP).parent
        for name in (
            "[red]a[@click=app.exit].py",
            "\x1b[2J\u202e.py",
            "clamp.py.swp",
            "clamp copy.py",
            ".clamp.py.swx",
            "4913",
        ):
            (folder / name).write_text("x = 1  # failed\n")
        await bench.graded(CLAMP, "failed")
        assert bench.gate.seen == [f"{CLAMP} failed"]
        assert bench.app.told == []

    play(place, scenario)


LONG = "".join(f"{n:07} " for n in range(8192))
FRAMES = (Frame("numbers/clamp.py", 1, HOSTILE), Frame("numbers/clamp.py", 2, LONG))
HOSTILE_CHECKS = (
    Check("a", HOSTILE, "failed", HOSTILE, Diagnosis(HOSTILE, HOSTILE), HOSTILE, FRAMES, None, HOSTILE),
    Check("b", LONG, "error", LONG, None, None, FRAMES, None, LONG),
    Check("c", "[/]", "timeout", "\n".join(["[/]" * 40] * 3000), output=(HOSTILE + "\n") * 600),
)


@pytest.mark.parametrize("size", [(80, 24), (150, 40)])
def test_texts_of_a_verdict_are_drawn_as_text(place, size):
    gate = Gate(checks={"hostile": HOSTILE_CHECKS})

    async def scenario(bench: Bench) -> None:
        await bench.graded(SLOPE, "hostile")  # as a notification
        await bench.graded(CLAMP, "hostile")
        await bench.until(lambda: bench.pane == "checks")
        await bench.until(lambda: "[@click=app.exit]leave[/]" in bench.seen())
        await bench.press("2")
        for _ in HOSTILE_CHECKS:
            await bench.press("down")
            seen = bench.seen()
            assert not [bad for bad in FORBIDDEN if bad in seen]
        await bench.press("k", "k", "enter", "pagedown", "end", "4", "g")
        assert bench.app.is_running
        assert bench.app.return_code in (0, None)

    play(place, scenario, gate=gate, size=size)


def test_hostile_sources_in_the_history(place):
    source = f"x = {HOSTILE!r}  # failed\n# {HOSTILE.replace(chr(13), '')}\n"
    gate = Gate()

    async def scenario(bench: Bench) -> None:
        await bench.save(CLAMP, source)
        await bench.until(lambda: bench.gate.seen)
        await bench.press("4")
        await bench.until(lambda: bench.focus == "history")
        await bench.press("enter")
        shown = await bench.screen(SourceScreen)
        await bench.until(lambda: "[@click=app.exit]" in drawn(shown))
        assert not [bad for bad in FORBIDDEN if bad in drawn(shown)]
        await bench.press("escape")
        await bench.save(CLAMP, "x = 2  # failed\n")
        await bench.until(lambda: len(bench.gate.seen) == 2 and bench.pane == "checks")
        await bench.until(lambda: "4 History 2" in bench.tabs)
        await bench.press("4")
        await bench.until(lambda: bench.focus == "history")
        await bench.press("down", "d")
        shown = await bench.screen(DifferenceScreen)
        assert not [bad for bad in FORBIDDEN if bad in drawn(shown)]
        await bench.press("escape")

    play(place, scenario, gate=gate)


def test_leaving_while_something_is_graded(place):
    gate = Gate()

    async def run() -> None:
        async with opened(place, gate=gate) as bench:
            await bench.save(CLAMP, "x = 1  # slow\n")
            await bench.until(gate.running.is_set)
            await bench.press("q")
            assert not bench.app.is_running

    asyncio.run(run())
    assert not [thread for thread in threading.enumerate() if thread.name in ("desk", "grading")]


def test_everything_passed(place):
    record(place, *((id, "passed") for id in ALL if id != VOCABULARY))

    async def scenario(bench: Bench) -> None:
        bench.bench.open(VOCABULARY)
        await bench.graded(VOCABULARY, "passed")
        await bench.until(lambda: "4/4" in drawn(bench.bench.status))
        await bench.press("n")
        await bench.until(lambda: told(bench, "Every other exercise is passed."))

    play(place, scenario)


def test_a_damaged_database_is_told_and_the_course_can_still_be_read(place):
    place.database.write_bytes(b"this is no database, " * 400)

    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: told(bench, "Saves are not graded any more"))
        await bench.until(lambda: bench.bench.whole)
        await bench.press("right_square_bracket")
        assert bench.open == SLOPE
        assert "A gradient worked out on paper" in bench.seen()
        for key in ("h", "n", "4", "5", "s", "v", "r"):
            await bench.press(key)
        await bench.until(lambda: bench.app.screen is bench.bench)

    play(place, scenario, ready=False)


def test_another_program_that_grades_is_followed_until_it_ends(place):
    gate = Gate()
    other = Session(place, engine_factory=lambda course: StandIn(course, gate))
    lock = other.lock()
    assert lock is not None

    async def scenario(bench: Bench) -> None:
        await bench.until(lambda: told(bench, "Another gradlings grades this workspace"))
        await bench.until(lambda: bench.bench.whole)
        place.file(CLAMP).write_text("x = 1  # failed\n")
        other.grade(CLAMP)
        await bench.until(lambda: "✗ failed" in bench.doing)
        await bench.until(lambda: bench.pane == "checks")
        assert bench.gate.seen == []
        lock.release()
        await bench.until(lambda: told(bench, "this one grades from now on"))
        await bench.ready()
        await bench.graded(CLAMP, "passed")
        await bench.until(lambda: bench.pane == "solution")

    try:
        with other:
            play(place, scenario, ready=False)
    finally:
        lock.release()

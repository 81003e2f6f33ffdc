"""A learner at work: saves and their verdicts, passing, hints, the history, the solution, reviews; and what may go wrong."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.course.workspace import Workspace
from grader.model import Check, Course, Diagnosis, Frame
from grader.saving import Graded
from grader.session import Session
from grader.store import Store, open_store
from grader.tui.screens.comparison import ComparisonScreen
from grader.tui.screens.confirm import Confirm
from grader.tui.screens.difference import DifferenceScreen
from grader.tui.screens.review import ReviewScreen
from grader.tui.screens.source import SourceScreen
from grader.tui.screens.statistics import StatisticsScreen

from .bench import (
    ALL,
    CLAMP,
    FORBIDDEN,
    FREQUENCIES,
    HOSTILE,
    SLOPE,
    TITLES,
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


# Saves ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (150, 40)])
def test_a_save_of_the_open_exercise_shows_its_checks(place, size):
    async def scenario(bench: Bench) -> None:
        await bench.graded(CLAMP, "failed")
        await bench.until(lambda: bench.pane == "checks")
        assert bench.bench.checks.opened is not None
        assert bench.bench.checks.opened.id == "test_second"
        seen = bench.seen()
        for text in ("The first thing", "The second thing", "The third thing", "The two bounds are swapped."):
            assert text in seen
        assert "✗ failed  1 of 3 checks  12 ms" in bench.doing
        assert "1/3 ✗" in bench.tabs or size == (80, 24)
        await bench.until(lambda: bench.bench.exercises._states[CLAMP] == "failed")
        assert f"✗ {TITLES[CLAMP]}" in bench.tree or size == (80, 24)

    play(place, scenario, size=size)


def test_a_save_of_another_exercise_only_offers_to_go_there(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("1")
        await bench.graded(SLOPE, "failed")
        go = f"{TITLES[SLOPE]}: ✗ failed  1 of 3 checks  12 ms. Press g to go there."
        await bench.until(lambda: told(bench, go))
        assert (bench.open, bench.pane) == (CLAMP, "statement")
        assert "numbers/slope  ✗ failed" in bench.doing
        await bench.press("g")
        await bench.until(lambda: (bench.open, bench.pane) == (SLOPE, "checks"))
        await bench.until(lambda: "Expected 1, got failed." in bench.seen())
        await bench.press("p")
        assert bench.open == CLAMP

    play(place, scenario)


def test_the_key_it_offers_is_the_one_that_is_mapped(place, tmp_path):
    (tmp_path / "settings.toml").write_text('[keys]\ngo = "G"\n')

    async def scenario(bench: Bench) -> None:
        await bench.graded(SLOPE, "failed")
        await bench.until(lambda: told(bench, "Press G to go there."))

    play(place, scenario)


def test_the_newest_save_wins(place):
    gate = Gate()

    async def scenario(bench: Bench) -> None:
        await bench.save(CLAMP, "x = 1  # slow\n")
        await bench.until(gate.running.is_set)
        await bench.save(CLAMP, "x = 1  # failed\n")
        await bench.until(lambda: "✗ failed" in bench.doing)
        assert [event.outcome.verdict.status for event in bench.app.heard if isinstance(event, Graded)] == ["failed"]
        assert f"{CLAMP} slow" in gate.seen
        history = await bench.asked(lambda session: session.history(CLAMP))
        assert [attempt.status for attempt in history] == ["failed"]

    play(place, scenario, gate=gate)


def test_a_slow_grading_of_another_one_is_taken_up_again(place):
    gate = Gate()

    async def scenario(bench: Bench) -> None:
        await bench.save(SLOPE, "x = 1  # slow\n")
        await bench.until(gate.running.is_set)
        await bench.graded(CLAMP, "failed")
        await bench.until(lambda: bench.pane == "checks")
        gate.open.set()
        await bench.until(lambda: told(bench, f"{TITLES[SLOPE]}: ✓ passed"))
        assert bench.pane == "checks"
        assert bench.bench.checks.opened is not None
        assert bench.bench.checks.opened.status == "failed"

    play(place, scenario, gate=gate)


def test_checks_appear_while_a_slow_grading_runs(place):
    gate = Gate()

    async def scenario(bench: Bench) -> None:
        await bench.press("2")
        await bench.save(CLAMP, "x = 1  # slow\n")
        await bench.until(lambda: "grading ..." in bench.doing)
        await bench.until(lambda: "The second thing" in drawn(bench.bench.checks))
        assert f"◌ {TITLES[CLAMP]}" in bench.tree
        gate.open.set()
        await bench.until(lambda: "✓ passed" in bench.doing)
        await bench.until(lambda: f"✓ {TITLES[CLAMP]}" in bench.tree)
        assert drawn(bench.bench.checks).count("The second thing") <= 1

    play(place, scenario, gate=gate)


def test_an_exercise_opened_while_it_is_graded_shows_its_own_checks(place):
    gate = Gate()

    async def scenario(bench: Bench) -> None:
        await bench.graded(CLAMP, "failed")
        await bench.save(SLOPE, "x = 1  # slow\n")
        await bench.until(lambda: "numbers/slope  grading ..." in bench.doing)
        assert "The third thing" in drawn(bench.bench.checks)
        bench.bench.open(SLOPE)
        await bench.press("2")
        await bench.until(lambda: "The third thing" not in drawn(bench.bench.checks))
        await bench.until(lambda: "The second thing" in drawn(bench.bench.checks))
        assert "1/3" not in bench.tabs
        bench.bench.open(CLAMP)
        await bench.press("2")
        await bench.until(lambda: "The third thing" in drawn(bench.bench.checks))
        gate.open.set()
        await bench.until(lambda: told(bench, f"{TITLES[SLOPE]}: ✓ passed"))
        assert "The third thing" in drawn(bench.bench.checks)

    play(place, scenario, gate=gate)


def test_a_card_that_comes_late_is_not_shown_over_a_newer_verdict(place):
    async def scenario(bench: Bench) -> None:
        hold = threading.Event()
        holding = asyncio.create_task(bench.asked(lambda _: hold.wait(10)))
        try:
            await bench.graded(CLAMP, "passed")
            await bench.graded(CLAMP, "failed")
            await bench.until(lambda: bench.pane == "checks")
        finally:
            hold.set()
        await holding
        await bench.until(lambda: "4 History 2" in bench.tabs)
        await bench.asked(lambda _: None)
        assert bench.pane == "checks"
        assert "✓ Passed" not in drawn(bench.bench.solution)

    play(place, scenario)


def test_a_fast_grading_paints_no_grading(place):
    async def scenario(bench: Bench) -> None:
        said: list[str] = []
        before = bench.bench.status.set_doing

        def note(text: Any) -> None:
            said.append(str(text))
            before(text)

        bench.bench.status.set_doing = note  # type: ignore[method-assign]
        await bench.graded(CLAMP, "failed")
        await bench.until(lambda: any("failed" in each for each in said))
        assert not [each for each in said if "grading" in each]

    play(place, scenario)


def test_the_verdict_of_last_time_is_there(place):
    record(place, (CLAMP, "failed"))

    async def scenario(bench: Bench) -> None:
        assert "✗ failed" in bench.doing
        assert "1/3" in bench.tabs
        await bench.press("2")
        await bench.until(lambda: "Expected 1, got failed." in bench.seen())

    play(place, scenario)


def test_again(place):
    record(place, (CLAMP, "failed"))

    async def scenario(bench: Bench) -> None:
        await bench.press("r")
        await bench.until(lambda: bench.gate.seen == [f"{CLAMP} failed"])
        await bench.until(lambda: bench.pane == "checks")

    play(place, scenario)


@pytest.mark.parametrize(("word", "said"), [("not_started", "still the stub"), ("ungraded", "not your code's fault")])
def test_what_is_no_verdict_says_so(place, word, said):
    async def scenario(bench: Bench) -> None:
        await bench.graded(CLAMP, word)
        await bench.until(lambda: said in bench.doing)

    play(place, scenario)


def test_a_file_that_does_not_parse(place):
    async def scenario(bench: Bench) -> None:
        await bench.save(CLAMP, "def clamp(x:\n")
        await bench.until(lambda: "✗ error" in bench.doing)
        await bench.until(lambda: bench.pane == "checks")

    play(place, scenario)


def test_a_file_that_is_removed(place):
    async def scenario(bench: Bench) -> None:
        place.file(CLAMP).unlink()
        await bench.until(lambda: told(bench, "removed or renamed"))
        await bench.press("e")
        await bench.until(lambda: told(bench, "x puts the stub there"))
        await bench.press("x")
        await bench.screen(Confirm)
        await bench.press("y")
        await bench.until(place.file(CLAMP).exists)

    play(place, scenario)


# Passing --------------------------------------------------------------------------------------------------------------


def test_passing_shows_the_card_and_waits(place):
    async def scenario(bench: Bench) -> None:
        await bench.graded(CLAMP, "failed")
        await bench.graded(CLAMP, "passed")
        await bench.until(lambda: bench.pane == "solution")
        await bench.until(lambda: "Two comparisons bound a number" in bench.seen())
        seen = bench.seen()
        assert "✓ Passed" in seen
        assert "2 attempts" in seen
        assert "max(low, min(x, high))" in seen
        assert "x = 1  # passed" in seen
        assert bench.open == CLAMP
        await bench.until(lambda: "1/4" in drawn(bench.bench.status))
        await bench.press("n")
        await bench.until(lambda: bench.open == FREQUENCIES)
        assert await bench.asked(lambda session: session.current()) == FREQUENCIES
        assert bench.pane == "statement"

    play(place, scenario)


def test_a_pass_of_another_one_takes_nobody_away(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("1")
        await bench.graded(SLOPE, "passed")
        await bench.until(lambda: told(bench, f"{TITLES[SLOPE]}: ✓ passed"))
        assert (bench.open, bench.pane) == (CLAMP, "statement")

    play(place, scenario)


# Hints and the solution -----------------------------------------------------------------------------------------------


def test_hints_come_in_stages(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("h")
        await bench.until(lambda: "must not leave the interval" in bench.seen())
        assert bench.pane == "hints"
        assert "1/4" in bench.tabs
        assert "Three numbers go in" not in bench.seen()
        await bench.press("h")
        await bench.until(lambda: "Three numbers go in" in bench.seen())
        await bench.press("3", "enter")
        await bench.until(lambda: "3/4" in bench.tabs)
        await bench.press("h", "h")
        await bench.until(lambda: "That was the last hint" in drawn(bench.bench.hints))
        assert len(await bench.asked(lambda session: session.hints(CLAMP))) == 4

    play(place, scenario, size=(150, 60))


def test_the_solution_opens_after_all_hints_with_a_question(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("5")
        await bench.until(lambda: "none of 4 so far" in bench.seen())
        for taken in (1, 2, 3, 4):
            await bench.press("h")
            await bench.until(lambda taken=taken: f"{taken}/4" in bench.tabs)
        await bench.press("5")
        await bench.until(lambda: "All hints are taken" in bench.seen())
        await bench.until(lambda: bench.focus == "solution")
        await bench.press("enter")
        await bench.screen(Confirm)
        await bench.press("n")
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert "max(low" not in drawn(bench.bench.solution)
        await bench.press("enter")
        await bench.screen(Confirm)
        await bench.press("y")
        await bench.until(lambda: "max(low, min(x, high))" in bench.seen())
        assert "assisted" in bench.seen()

    play(place, scenario)


# The file and its history ---------------------------------------------------------------------------------------------


def test_reset_asks_and_keeps_a_copy(place):
    record(place, (CLAMP, "failed"))
    place.file(CLAMP).write_text("mine = 1  # failed\n")

    async def scenario(bench: Bench) -> None:
        await bench.press("x")
        await bench.screen(Confirm)
        await bench.press("enter")  # alone it changes nothing
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert "mine" in place.file(CLAMP).read_text()
        await bench.press("x")
        await bench.screen(Confirm)
        await bench.press("y")
        await bench.until(lambda: told(bench, "begins again. Your version is attempt 2"))
        assert "def clamp" in place.file(CLAMP).read_text()
        assert await bench.asked(lambda session: session.source(2)) == "mine = 1  # failed\n"
        await bench.press("4")
        await bench.until(lambda: "kept before a reset" in bench.seen())

    play(place, scenario)


def test_history_source_difference_and_restore(place):
    record(place, (CLAMP, "failed one"), (CLAMP, "failed two"))
    place.file(CLAMP).write_text("x = 3  # failed three\n")

    async def scenario(bench: Bench) -> None:
        await bench.press("4")
        await bench.until(lambda: bench.focus == "history")
        assert "saved" in bench.seen()
        await bench.press("enter")
        source = await bench.screen(SourceScreen)
        await bench.until(lambda: "# failed two" in drawn(source))
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        await bench.press("d")
        difference = await bench.screen(DifferenceScreen)
        await bench.until(lambda: "failed three" in drawn(difference))
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        await bench.press("space", "down", "d")
        difference = await bench.screen(DifferenceScreen)
        await bench.until(lambda: "failed one" in drawn(difference))
        assert "failed three" not in drawn(difference)
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        await bench.press("R")
        await bench.screen(Confirm)
        await bench.press("y")
        await bench.until(lambda: told(bench, "Attempt 1 is your file now."))
        assert place.file(CLAMP).read_text() == "x = 1  # failed one\n"
        kept = await bench.asked(lambda session: session.history(CLAMP))
        assert "restore" in [attempt.kind for attempt in kept]

    play(place, scenario)


def test_compare_with_and_without_a_comparison(place):
    async def scenario(bench: Bench) -> None:
        await bench.press("c")
        await bench.until(lambda: told(bench, "compares nothing"))
        await bench.graded(CLAMP, "failed")
        await bench.until(lambda: bench.pane == "checks")
        await bench.press("2")
        await bench.until(lambda: bench.focus == "checks")
        await bench.press("down")
        await bench.until(lambda: bench.bench.checks.opened.id == "test_third")
        await bench.press("c")
        await bench.screen(ComparisonScreen)
        await bench.until(lambda: "The third thing" in bench.seen())
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)

    play(place, scenario)


# Reviews and statistics -----------------------------------------------------------------------------------------------


def later(place: Workspace, factory: Callable[[Course], Any]) -> Session:
    """A session a month from now, when what was passed is due."""
    return Session(place, factory, clock=lambda: datetime.now(UTC) + timedelta(days=30))


def test_a_review_is_begun_graded_and_leaves_the_original_alone(place):
    record(place, (CLAMP, "passed"))
    original = place.file(CLAMP).read_bytes()

    async def scenario(bench: Bench) -> None:
        await bench.press("v")
        screen = await bench.screen(ReviewScreen)
        assert TITLES[CLAMP] in drawn(screen)
        await bench.press("enter")
        await bench.until(lambda: "is the blank stub" in drawn(screen))
        file = place.review.file(CLAMP)
        assert "def clamp" in file.read_text()
        # The watcher looks for the new folder about twice a second.
        await bench.until(lambda: len(bench.app.desk._loop._watchers) == 2)
        await bench.save(CLAMP, "x = 1  # failed\n", file)
        await bench.until(lambda: "✗ failed" in drawn(screen), "the verdict on the review")
        await bench.save(CLAMP, "x = 2  # passed\n", file)
        await bench.until(lambda: "✓ passed" in drawn(screen), "the pass")
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert bench.pane == "statement"
        assert place.file(CLAMP).read_bytes() == original
        progress = await bench.asked(lambda session: session.progress()[CLAMP])
        assert progress.attempts == 1

    play(place, scenario, make=later)


def test_a_review_given_up(place):
    record(place, (CLAMP, "passed"))

    async def scenario(bench: Bench) -> None:
        await bench.press("v")
        screen = await bench.screen(ReviewScreen)
        await bench.press("enter")
        await bench.until(lambda: "is the blank stub" in drawn(screen))
        await bench.until(lambda: "Under way" in drawn(screen))
        # The stub itself may be noticed as a save; what it is told takes the question back.
        await bench.until(lambda: len(bench.app.desk._loop._watchers) == 2)
        await bench.press("g")
        await bench.until(lambda: "once more to do so" in drawn(screen))
        await bench.press("g")
        await bench.until(lambda: "It comes back" in drawn(screen))
        await bench.until(lambda: "Under way" not in drawn(screen))

    play(place, scenario, make=later)


def test_statistics_lead_to_what_is_recommended(place):
    record(place, (CLAMP, "passed"))

    async def scenario(bench: Bench) -> None:
        before = bench.open
        await bench.press("s")
        screen = await bench.screen(StatisticsScreen)
        assert "1 of 4" in drawn(screen)
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        assert bench.open == before
        statistics = await bench.asked(lambda session: session.statistics(datetime.now(UTC)))
        wanted = next(each.exercise for each in statistics.recommended if each.exercise != before)
        place_of = [each.exercise for each in statistics.recommended].index(wanted)
        await bench.press("s")
        await bench.screen(StatisticsScreen)
        await bench.press(*["down"] * place_of, "enter")
        await bench.until(lambda: bench.open == wanted)

    play(place, scenario)


# What may go wrong ----------------------------------------------------------------------------------------------------


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


# The editor -----------------------------------------------------------------------------------------------------------


def test_the_editor_opens_the_file_that_is_open_and_the_line_of_a_traceback(place, tmp_path):
    program, opened_files = tmp_path / "code", tmp_path / "opened"
    program.write_text(f'#!/bin/sh\necho "$1 $2" >> "{opened_files}"\n')
    program.chmod(0o755)
    (tmp_path / "settings.toml").write_text(f'editor = "{program} {{file}} {{line}}"\n')
    file, frames = place.file(CLAMP), (Frame("numbers/clamp.py", 3, "return min(x, high)"),)
    gate = Gate(checks={"raises": (Check("a", "A", "error", "ZeroDivisionError", traceback=frames),)})

    async def scenario(bench: Bench) -> None:
        await bench.press("e")
        await bench.until(lambda: opened_files.exists() and opened_files.read_text().startswith(f"{file} "))
        opened_files.unlink()
        await bench.save(CLAMP, "x = 1\n\n# raises\n")
        await bench.until(lambda: bench.pane == "checks")
        await bench.press("2")
        await bench.until(lambda: bench.focus == "checks")
        await bench.press("enter", "enter")
        await bench.until(lambda: opened_files.exists() and opened_files.read_text() == f"{file} 3\n")
        assert bench.app.told == []

    play(place, scenario, gate=gate)

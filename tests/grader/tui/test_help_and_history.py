"""Hints, the solution, the history and reviews, as a learner uses them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.course.workspace import Workspace
from grader.model import Course
from grader.session import Session
from grader.tui.screens.comparison import ComparisonScreen
from grader.tui.screens.confirm import Confirm
from grader.tui.screens.difference import DifferenceScreen
from grader.tui.screens.review import ReviewScreen
from grader.tui.screens.source import SourceScreen
from grader.tui.screens.statistics import StatisticsScreen

from .bench import (
    CLAMP,
    TITLES,
    Bench,
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


@pytest.mark.parametrize("action", ["reset", "search", "statistics", "review"])
def test_a_key_pressed_twice_opens_one_screen(place, action):
    async def scenario(bench: Bench) -> None:
        before = len(bench.app.screen_stack)
        workers = [getattr(bench.bench, f"action_{action}")() for _ in range(2)]  # faster than a screen opens
        await bench.until(lambda: len(bench.app.screen_stack) > before)
        await bench.until(lambda: any(worker.is_finished for worker in workers))
        assert len(bench.app.screen_stack) == before + 1
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)

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
        await bench.press("g")
        await bench.until(lambda: "once more to do so" in drawn(screen))
        screen.refresh_rows(list(screen._rows.values()))  # a verdict that comes in between
        assert "once more to do so" in drawn(screen)
        await bench.press("g")
        await bench.until(lambda: "It comes back" in drawn(screen))
        await bench.until(lambda: "Under way" not in drawn(screen))

    play(place, scenario, make=later)


@pytest.mark.parametrize(
    ("key", "pane", "counts"), [("5", "solution", True), ("3", "hints", False), ("1", "statement", False)]
)
def test_reading_the_solution_counts_in_a_review(place, key, pane, counts):
    record(place, (CLAMP, "passed"))

    async def scenario(bench: Bench) -> None:
        await bench.press("v")
        screen = await bench.screen(ReviewScreen)
        await bench.press("enter")
        await bench.until(lambda: "Under way" in drawn(screen))
        await bench.press("escape")
        await bench.until(lambda: bench.app.screen is bench.bench)
        bench.bench.open(CLAMP)
        await bench.press(key)
        await bench.until(lambda: bench.pane == pane)
        await bench.app.workers.wait_for_complete([each for each in bench.app.workers if each.group == "help"])
        review = await bench.asked(lambda session: session.store.open_review(CLAMP))
        assert review.helped is counts

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

"""A learner at work: saves and their verdicts, passing, and the editor."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from grader.course.workspace import Workspace
from grader.model import Check, Frame, Point
from grader.saving import Graded
from grader.tui.screens.confirm import Confirm

from .bench import (
    CLAMP,
    FREQUENCIES,
    SLOPE,
    TITLES,
    Bench,
    Gate,
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


def test_a_curve_is_drawn_while_it_grows(place):
    gate = Gate(
        points=tuple(
            Point("test_third", "The [b]long[/b] run", name, step, 4 - step)
            for step in range(3)
            for name in ("loss", "size")
        )
    )

    async def scenario(bench: Bench) -> None:
        await bench.press("2")
        await bench.save(CLAMP, "x = 1  # slow\n")
        await bench.until(lambda: "The [b]long[/b] run (running)" in drawn(bench.bench.checks))
        await bench.until(lambda: "loss from 4 to 2, at 2" in drawn(bench.bench.checks))
        assert "size from 4 to 2, at 2" in drawn(bench.bench.checks)
        bench.bench.open(SLOPE)
        await bench.press("2")
        await bench.until(lambda: "loss from" not in drawn(bench.bench.checks))
        bench.bench.open(CLAMP)
        await bench.press("2")
        await bench.until(lambda: "loss from 4 to 2, at 2" in drawn(bench.bench.checks))
        gate.open.set()
        await bench.until(lambda: "✓ passed" in bench.doing)
        await bench.until(lambda: "loss from" not in drawn(bench.bench.checks))

    play(place, scenario, gate=gate, size=(100, 50))


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

"""`gradlings stats`: what it prints of a history whose times are set, at a moment that is set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import grader.localtime
from grader.cli.stats import _bars, _months
from grader.model import Verdict
from grader.statistics import Day, Share
from grader.store import open_store

from .conftest import CLAMP, RIGHT, WRONG, Gradlings
from .test_imports import HEAVY, _loaded

# A Wednesday.
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)

Save = Callable[..., None]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grader.localtime, "local_now", lambda: NOW)


@pytest.fixture
def save(workspace: Path) -> Save:
    """Records so many gradings in the workspace, a minute apart, the first one so many days before NOW."""

    def record(exercise: str, days: float = 0, status: str = "failed", kind: str = "save", times: int = 1) -> None:
        moments = iter(NOW - timedelta(days=days) + timedelta(minutes=number) for number in range(times))
        with open_store(workspace / "progress.db", clock=lambda: next(moments)) as store:
            for number in range(times):
                verdict = Verdict(
                    "mini", exercise, status, float(status == "passed"), (), suite_sha256="s"  # type: ignore[arg-type]
                )  # fmt: skip
                assert store.record(exercise, f"# {days} {number} {status}", verdict, kind=kind) is not None

    return record


def test_a_new_workspace_says_how_to_begin(at: Gradlings) -> None:
    ran = at("stats")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Numbers and words: towards a vocabulary\n"
        "0 of 4 exercises passed, 0 of 45 points.\n"
        "Along your path: 0 of 3.\n"
        "Nothing was graded yet: `gradlings watch` grades every save.\n"
        "\n"
        "Topics\n"
        "  numbers  [....................]  0 of 2    0 of 15 points\n"
        "  words    [....................]  0 of 2    0 of 30 points\n"
        "\n"
        "Next\n"
        "  numbers/clamp  Keep a number between two bounds\n"
        "      needs nothing before it; opens 3 others\n"
    )


def test_a_history_in_plain_lines(at: Gradlings, save: Save) -> None:
    save("numbers/clamp", days=9, times=40)
    save("numbers/clamp", days=2, times=14)
    save("numbers/clamp", days=1, status="passed")
    save("numbers/slope", days=1, times=3)
    save("numbers/clamp", days=0.5, status="passed", kind="review")
    ran = at("stats", "--weeks", "3")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.partition("\n\nExercises")[0].splitlines() == [
        "Numbers and words: towards a vocabulary",
        "1 of 4 exercises passed, 5 of 45 points.",
        "Along your path: 1 of 3.",
        "58 attempts and 1 review on 4 days.",
        "Streak: 3 days, the longest 3 days.",
        "",
        "Activity of the last 3 weeks",
        "     Feb Mar",
        "Mon  . # +",
        "Tue  . . :",
        "Wed  . . :",
        "Thu  . .",
        "Fri  . .",
        "Sat  . .",
        "Sun  . .",
        "Graded on a day:  . none   : 1 to 4   + 5 to 14   * 15 to 39   # 40 or more",
        "",
        "Topics",
        "  numbers  [##########..........]  1 of 2    5 of 15 points",
        "  words    [....................]  0 of 2    0 of 30 points",
    ]


def test_json_is_the_documented_document(at: Gradlings, save: Save) -> None:
    save("numbers/clamp", days=1, times=2)
    save("numbers/clamp", days=0.99, status="passed")
    ran = at("stats", "--json", "--weeks", "1")
    assert (ran.code, ran.err) == (0, "")
    value = ran.json
    assert (value["schema"], value["course"], value["today"]) == (1, "mini", "2026-03-04")
    assert (value["attempts"], value["reviews"], value["later"], value["active_days"]) == (3, 0, 0, 1)
    assert value["activity"] == [
        {"date": "2026-03-02", "graded": 0, "passes": 0, "reviews": 0},
        {"date": "2026-03-03", "graded": 3, "passes": 1, "reviews": 0},
        {"date": "2026-03-04", "graded": 0, "passes": 0, "reviews": 0},
    ]
    assert value["streak"] == {"current": 1, "longest": 1, "today": False}
    assert value["overall"] == {
        "name": "mini", "title": "Numbers and words", "passed": 1, "total": 4, "points": 5, "points_total": 45,
    }  # fmt: skip
    assert [each["name"] for each in value["topics"]] == ["numbers", "words"]
    assert value["timeline"] == [{"date": "2026-03-03", "passed": 1}]
    assert value["exercises"][0] == {
        "exercise": "numbers/clamp", "title": "Keep a number between two bounds", "attempts": 3, "seconds": 864.0,
        "passed_on": "2026-03-03", "hints": 0, "assisted": False, "expected_minutes": 5,
    }  # fmt: skip
    assert [each["exercise"] for each in value["recommended"]] == ["words/frequencies", "numbers/slope"]


def test_what_each_exercise_took(at: Gradlings, save: Save) -> None:
    at("hint", "numbers/clamp")
    at("hint", "numbers/slope")
    save("numbers/clamp", days=1, times=6)
    save("numbers/clamp", days=0.99, status="passed")
    save("words/frequencies")
    section = at("stats").out.partition("Exercises you worked on\n")[2].partition("\n\n")[0]
    assert section.splitlines() == [
        "  numbers/clamp      passed at attempt 7, 14 of 5 min, 1 hint",
        "  words/frequencies  attempts so far: 1, under 1 of 10 min",
        "  numbers/slope      not tried yet, 1 hint",
    ]


def test_a_streak_that_today_can_still_keep(at: Gradlings, save: Save) -> None:
    save("numbers/clamp", days=1)
    assert "Streak: 1 day, the longest 1 day. Save today to keep it." in at("stats").out
    save("numbers/clamp")
    assert "Streak: 2 days, the longest 2 days.\n" in at("stats").out


def test_a_clock_that_was_changed_is_told(at: Gradlings, save: Save) -> None:
    save("numbers/clamp", days=-30)
    assert "1 is dated after today and not in the calendar: was the clock changed?" in at("stats").out


def test_all_passed(at: Gradlings, save: Save) -> None:
    for exercise in ("numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"):
        save(exercise, status="passed")
    out = at("stats").out
    assert "4 of 4 exercises passed, 45 of 45 points." in out
    assert "[####################]  2 of 2    15 of 15 points" in out
    assert out.endswith("Next\n  Every exercise of this course is passed.\n")


@pytest.mark.parametrize("weeks", ["1", "26", "36", "37", "53"])
def test_it_fits_80_columns(at: Gradlings, save: Save, weeks: str) -> None:
    save("numbers/clamp", days=1, times=50)
    lines = at("stats", "--weeks", weeks).out.splitlines()
    assert max(map(len, lines)) <= 80
    tuesdays = next(line for line in lines if line.startswith("Tue"))
    assert len(tuesdays.split(maxsplit=1)[1].replace(" ", "")) == int(weeks)
    assert tuesdays.endswith("#")


@pytest.mark.parametrize("weeks", ["0", "54", "many"])
def test_weeks_out_of_range_are_refused(at: Gradlings, weeks: str) -> None:
    ran = at("stats", "--weeks", weeks)
    assert (ran.code, ran.out) == (2, "")
    assert "--weeks" in ran.err


def test_months_stand_above_the_week_that_begins_in_them() -> None:
    monday = datetime(2025, 12, 29).date()
    weeks = [[Day(monday + timedelta(weeks=number))] for number in range(10)]
    assert _months(weeks, 2) == "Dec       Feb     Mar"
    assert _months(weeks[1:], 2) == "Jan     Feb     Mar"
    # A name is left out where the one before it takes its place.
    assert _months(weeks[2:], 1) == "Jan    Mar"


def test_a_name_is_data() -> None:
    (line,) = _bars([Share("\x1b[31m" + "x" * 40, "t", 0, 1, 0, 1)])
    assert line.startswith("  ␛[31mxxx")
    assert "…" in line
    assert len(line) < 80


def test_outside_a_workspace(inside: Gradlings) -> None:
    ran = inside("stats")
    assert (ran.code, ran.out) == (2, "")
    assert "gradlings init" in ran.err


def test_in_a_process_of_its_own(workspace: Path, gradlings: Gradlings) -> None:
    for source in (WRONG, RIGHT):
        (workspace / CLAMP).write_text(source)
        gradlings("run", "clamp", cwd=workspace)
    ran = gradlings("stats", cwd=workspace, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert (ran.code, ran.err) == (0, "")
    assert "1 of 4 exercises passed, 5 of 45 points." in ran.out
    assert "passed at attempt 2" in ran.out
    assert gradlings("stats", "--json", cwd=workspace).json["streak"]["current"] >= 1


def test_it_loads_nothing_heavy(workspace: Path) -> None:
    loaded = _loaded(["stats"], workspace)
    assert not loaded & {*HEAVY, "rich", "grader.engine"}

"""The pane of attempts: what is listed, in what words, and what the keys ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from textual.pilot import Pilot

from grader.model import Attempt, Exercise, VerdictStatus
from grader.tui.widgets.history import MOST, AttemptList, History, when

from .drawing import HARMLESS, HOSTILE, Around, drawn, play, said

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=ZONE)
EXERCISE = Exercise("a/b", "B", suite_version=2)


def _attempt(
    number: int, status: VerdictStatus = "failed", kind: str = "save", version: int = 2, hours: float = 0
) -> Attempt:
    at = (NOW - timedelta(hours=hours)).astimezone(UTC).isoformat()
    return Attempt(number, at, "a/b", "0", status, float(status == "passed"), 0.02, version, kind)


def _history() -> History:
    return History(now=lambda: NOW)


def _rows(history: History) -> list[str]:
    return [" ".join(row.split()) for row in drawn(history.query_one(AttemptList)).splitlines() if row.strip()]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0.005, "just now"), (0.5, "30 min ago"), (23, "23 h ago"),
        (25, "3 Mar 17:00"), (24 * 90, "4 Dec 2025"), (-1, "4 Mar 19:00"),
    ],
)  # fmt: skip
def test_moments_are_told_as_one_says_them_in_the_learners_zone(hours: float, said: str) -> None:
    assert when((NOW - timedelta(hours=hours)).astimezone(UTC).isoformat(), NOW) == said


def test_a_moment_that_is_none_is_shown_as_it_is() -> None:
    assert when("yesterday\x1b", NOW) == "yesterday␛"


def test_attempts_are_listed_newest_first_in_words() -> None:
    history = _history()
    attempts = [
        _attempt(1, "passed", "verify", version=1, hours=50),
        _attempt(2, "ungraded", "reset", hours=3),
        _attempt(3, "error", hours=1),
        _attempt(4, "passed", "review"),
    ]

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, attempts)
        await pilot.pause()
        assert _rows(history) == [
            "4 just now ✓ passed 100% review",
            "3 1 h ago ✗ error 0% saved",
            "2 3 h ago · copy kept before a reset",
            "1 2 Mar 16:00 ✓ passed 100% verified, checks of version 1",
        ]
        assert "Attempt 4, 2026-03-04 18:00:00" in drawn(history)

    play(history, scenario)


def test_keys_ask_for_source_difference_and_restore() -> None:
    history = _history()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [_attempt(n) for n in (1, 2, 3)])
        history.query_one(AttemptList).focus()
        await pilot.press("enter", "j", "d", "R")
        assert [message.sequence for message in said(app, History.SourceWanted)] == [3]
        assert [(m.first, m.second) for m in said(app, History.DiffWanted)] == [(2, None)]
        assert [message.sequence for message in said(app, History.RestoreWanted)] == [2]

    play(history, scenario)


def test_a_marked_attempt_is_what_another_is_compared_with() -> None:
    history = _history()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [_attempt(n) for n in (1, 2, 3)])
        history.query_one(AttemptList).focus()
        await pilot.press("space")
        assert _rows(history)[0].startswith("◆ 3")
        await pilot.press("down", "down", "d")
        assert "compare with attempt 3" in drawn(history)
        await pilot.press("space", "k", "d", "j", "space", "d")
        found = [(message.first, message.second) for message in said(app, History.DiffWanted)]
        # The older one comes first; a second space takes a mark away.
        assert found == [(1, 3), (1, 2), (1, None)]
        assert "◆" not in drawn(history)

    play(history, scenario)


def test_a_new_attempt_leaves_cursor_and_mark_where_they_are() -> None:
    history = _history()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        attempts = [_attempt(n) for n in (1, 2, 3)]
        history.show(EXERCISE, attempts)
        history.query_one(AttemptList).focus()
        await pilot.press("space", "j")
        history.show(EXERCISE, [*attempts, _attempt(4)])
        await pilot.press("d")
        assert [(m.first, m.second) for m in said(app, History.DiffWanted)] == [(2, 3)]
        history.show(replace(EXERCISE, id="a/c"), [_attempt(7)])
        await pilot.press("d")
        assert [(m.first, m.second) for m in said(app, History.DiffWanted)][1:] == [(7, None)]

    play(history, scenario)


def test_a_cursor_on_the_newest_stays_on_the_newest() -> None:
    history = _history()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [_attempt(1)])
        history.show(EXERCISE, [_attempt(1), _attempt(2)])
        history.query_one(AttemptList).focus()
        await pilot.press("enter")
        assert [message.sequence for message in said(app, History.SourceWanted)] == [2]

    play(history, scenario)


def test_without_attempts_it_says_what_will_be_here() -> None:
    history = _history()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [_attempt(1)])
        history.show(replace(EXERCISE, id="a/c"), [])
        await pilot.pause()
        assert "No attempts yet." in drawn(history)
        history.action_diff()
        history.action_mark()
        history.action_restore()
        await pilot.pause()
        assert said(app, History.DiffWanted) + said(app, History.RestoreWanted) == []

    play(history, scenario)


def test_very_many_attempts_are_bounded_and_that_is_told() -> None:
    history = _history()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [_attempt(n) for n in range(1, MOST + 8)])
        await pilot.pause()
        assert history.query_one(AttemptList).option_count == MOST
        assert "7 older ones" in drawn(history)

    play(history, scenario)


def test_what_a_database_holds_is_data() -> None:
    history = _history()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        history.show(EXERCISE, [replace(_attempt(1), kind=HOSTILE[:18], at=HOSTILE)])
        await pilot.pause()
        text = drawn(history)
        assert HARMLESS[:16] in text
        assert "\x1b" not in text

    play(history, scenario, (120, 24))

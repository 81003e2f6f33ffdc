"""The review screen: what is listed, in what order and words, and what its keys ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from textual.message import Message
from textual.pilot import Pilot

from grader.model import Exercise
from grader.results import ReviewRow
from grader.tui.screens.review import ReviewList, ReviewScreen, span, summary

from .drawing import HARMLESS, HOSTILE, Around, drawn, play, said

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=ZONE)


def _row(id: str, days: float, begun: bool = False, stability: float = 9.2, reviews: int = 0) -> ReviewRow:
    due = (NOW + timedelta(days=days)).astimezone(UTC)
    return ReviewRow(Exercise(id, id), due, days <= 0, begun, stability, reviews)


# As a session gives them: the one that is due first comes first.
ROWS = [_row("a/old", -3, stability=1.0, reviews=2), _row("a/going", -1, begun=True), _row("a/now", 0), _row("b/soon", 1),
        _row("b/late", 40, stability=120.0)]  # fmt: skip
TITLES = {"a/old": "The old one", "a/going": "The one under way", "a/now": "The one of today", "b/soon": "The next",
          "b/late": "The late one"}  # fmt: skip


def _screen(rows: list[ReviewRow] = ROWS, titles: dict[str, str] | None = None) -> ReviewScreen:
    return ReviewScreen(rows, TITLES if titles is None else titles, NOW)


def _listed(screen: ReviewScreen) -> list[str]:
    return [" ".join(row.split()) for row in drawn(screen.query_one(ReviewList)).splitlines() if row.strip()]


def _shown(screen: ReviewScreen) -> str:
    return " ".join(drawn(screen).split())


def _wanted(app: Around) -> list[Message]:
    kinds = (ReviewScreen.BeginWanted, ReviewScreen.EditWanted, ReviewScreen.GiveUpWanted)
    return [message for kind in kinds for message in said(app, kind)]


@pytest.mark.parametrize(
    ("days", "expected"),
    [(0.0, "about a day"), (1.4, "about a day"), (1.6, "about 2 days"), (9.2, "about 9 days"), (60, "about 60 days"),
     (61, "about 2 months"), (365, "about 12 months"), (1000, "about 3 years")],
)  # fmt: skip
def test_how_long_it_is_remembered_is_told_roughly(days: float, expected: str) -> None:
    assert span(days) == expected


def test_what_is_under_way_comes_first_then_what_is_due_then_the_rest() -> None:
    screen = _screen()

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert _listed(screen) == [
            "Under way 1",
            "▸ The one under way review/a/going.py",
            "Due 2",
            "● The old one due 3 days ago remembered for about a day",
            "● The one of today due today remembered for about 9 days",
            "Later 2",
            "· The next due tomorrow remembered for about 9 days",
            "· The late one due in 40 days remembered for about 4 months",
        ]
        assert summary(ROWS) == "1 under way, 2 due, 2 later"
        assert summary(ROWS) in _shown(screen)

    play(screen, scenario, (160, 45))


def test_it_says_in_two_lines_what_reviewing_is() -> None:
    screen = _screen()

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        what = drawn(screen.query_one("#review-what")).splitlines()
        assert len(what) == 2
        assert "What you passed comes back before you forget it" in what[0]

    play(screen, scenario)


def test_at_80_columns_every_review_has_one_line() -> None:
    titles = {
        row.exercise.id: "A title that is very much longer than there is any room for on the screen" for row in ROWS
    }
    screen = _screen(titles=titles)

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        listed = _listed(screen)
        assert len(listed) == len(ROWS) + 3
        assert listed[-1].endswith("due in 40 days kept for about 4 months")

    play(screen, scenario)


def test_what_is_known_of_the_one_under_the_cursor_is_told() -> None:
    screen = _screen()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        assert "Write review/a/going.py, and save: it is graded then." in _shown(screen)
        await pilot.press("j")
        await pilot.pause()
        assert "a/old due Sun 1 Mar; reviewed 2 times; remembered for about a day" in _shown(screen)
        assert "puts the blank stub into review/a/old.py." in _shown(screen)
        assert "does no harm" not in _shown(screen)
        await pilot.press("j", "down")
        await pilot.pause()
        assert "b/soon due Thu 5 Mar; not reviewed yet" in _shown(screen)
        assert "It is not due yet; to practise earlier does no harm." in _shown(screen)

    play(screen, scenario, (120, 40))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["enter"], [ReviewScreen.BeginWanted("a/going", False)]),
        (["down", "enter"], [ReviewScreen.BeginWanted("a/old", False)]),
        (["j", "j", "k", "enter"], [ReviewScreen.BeginWanted("a/old", False)]),
        (["e"], [ReviewScreen.EditWanted("a/going")]),
        (["g"], []),
        (["g", "g"], [ReviewScreen.GiveUpWanted("a/going")]),
        (["x", "x"], [ReviewScreen.BeginWanted("a/going", True)]),
        # Anything in between takes the question back.
        (["g", "x"], []),
        (["g", "j", "k", "g"], []),
        (["g", "escape", "g"], []),
        (["g", "e", "g"], [ReviewScreen.EditWanted("a/going")]),
        (["g", "enter", "g"], [ReviewScreen.BeginWanted("a/going", False)]),
        # Only what is under way can be edited, given up or started again.
        (["j", "e", "g", "g", "x", "x"], []),
    ],
)
def test_the_keys_ask(keys: list[str], expected: list[Message]) -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await pilot.pause()
        assert _wanted(app) == expected
        assert app.screen is screen

    play(screen, scenario)


def test_the_question_says_what_comes_of_it_and_goes() -> None:
    screen = _screen()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        for key, question in (("g", "It counts as forgotten"), ("x", "What you have written stays in the history.")):
            await pilot.press(key)
            await pilot.pause()
            assert question in _shown(screen)
            assert f"Press {key} once more to do so" in _shown(screen)
            await pilot.press("escape")
            for other in ("escape", "enter", "j"):
                await pilot.press(key)
                await pilot.press(other)
                await pilot.pause()
                assert question not in _shown(screen)
            await pilot.press("k")

    play(screen, scenario)


def test_what_is_not_under_way_tells_how_to_begin_it() -> None:
    screen = _screen()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("j", "g")
        await pilot.pause()
        assert "The old one is not under way yet" in _shown(screen)

    play(screen, scenario)


@pytest.mark.parametrize("key", ["escape", "q"])
def test_it_closes(key: str) -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press(key)
        await pilot.pause()
        assert app.screen is not screen

    play(screen, scenario)


def test_new_rows_keep_the_cursor_and_what_was_told() -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "enter")
        screen.tell("a/now", "Right at the first attempt. Due again in 9 days.", good=True)
        screen.refresh_rows([replace(row, begun=row.begun or row.exercise.id == "a/now") for row in ROWS])
        await pilot.pause()
        assert "✓ The one of today: Right at the first attempt. Due again in 9 days." in _shown(screen)
        assert _listed(screen)[:3] == [
            "Under way 2",
            "▸ The one under way review/a/going.py",
            "▸ The one of today review/a/now.py",
        ]
        await pilot.press("e")
        await pilot.pause()
        assert said(app, ReviewScreen.EditWanted) == [ReviewScreen.EditWanted("a/now")]
        screen.tell("a/now", "Not yet.", good=False)
        await pilot.pause()
        assert "✗ The one of today: Not yet." in _shown(screen)

    play(screen, scenario)


def test_where_the_one_under_the_cursor_is_gone_another_one_is_under_it() -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "j", "j")
        screen.refresh_rows(ROWS[:2])
        await pilot.press("enter")
        await pilot.pause()
        assert [each.exercise for each in said(app, ReviewScreen.BeginWanted)] == ["a/old"]
        screen.refresh_rows([])
        await pilot.press("enter", "e", "g", "x")
        await pilot.pause()
        assert len(_wanted(app)) == 1

    play(screen, scenario)


def test_a_question_outlives_new_rows_in_which_the_review_is_still_under_way() -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("g")
        screen.refresh_rows(ROWS)
        await pilot.press("g")
        await pilot.pause()
        assert len(_wanted(app)) == 1

    play(screen, scenario)


def test_a_question_does_not_outlive_its_review() -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("g")
        screen.refresh_rows([row for row in ROWS if not row.begun])
        screen.refresh_rows(ROWS)
        await pilot.press("g")
        await pilot.pause()
        assert _wanted(app) == []

    play(screen, scenario)


def test_where_there_is_nothing_it_says_when_there_will_be() -> None:
    screen = _screen([])

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        assert "Nothing to review yet. A day or more after you have passed an exercise" in _shown(screen)
        screen.refresh_rows(ROWS[3:])
        await pilot.pause()
        assert "Nothing is due today. The next one comes tomorrow: The next." in _shown(screen)
        screen.refresh_rows(ROWS)
        await pilot.pause()
        assert "Nothing" not in _shown(screen)

    play(screen, scenario)


def test_hostile_texts_are_shown_as_they_are() -> None:
    screen = _screen([_row("a/b", 3)], {"a/b": HOSTILE})

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        screen.tell("a/b", HOSTILE, good=True)
        await pilot.pause()
        # In the list, in what was told (the title and the text), and in what comes next.
        assert drawn(screen).count(HARMLESS) == 4

    play(screen, scenario, (160, 45))

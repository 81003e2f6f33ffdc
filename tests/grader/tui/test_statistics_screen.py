"""The statistics screen: what it says in words, what it draws, where its keys lead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from grader.statistics import Day, Effort, Milestone, Recommendation, Share, Statistics, Streak
from grader.tui.screens.statistics import (
    NextList,
    StatisticsScreen,
    activity_words,
    progress_words,
    told,
    totals,
)
from grader.tui.themes import DARK, LIGHT
from grader.tui.widgets.calendar import LEFT, MARKS, Calendar, sentence
from grader.tui.widgets.lines import Lines, effort_lines, fit, share_lines
from grader.tui.widgets.progress_plot import ProgressPlot, dates, numbers, staircase, upper
from grader.tui.widgets.scroller import Scroller

from .drawing import HARMLESS, HOSTILE, Around, drawn, play

# A Wednesday.
TODAY = date(2026, 3, 4)
BUSY_DAYS = {TODAY: (3, 1, 1), date(2026, 3, 3): (50, 2, 0), date(2026, 2, 2): (20, 0, 0), date(2026, 1, 5): (6, 1, 2)}


def _activity(weeks: int = 26) -> tuple[Day, ...]:
    first = TODAY - timedelta(days=TODAY.weekday() + 7 * (weeks - 1))
    days = (first + timedelta(days=number) for number in range((TODAY - first).days + 1))
    return tuple(Day(day, *BUSY_DAYS.get(day, ())) for day in days)


def _effort(
    id: str, attempts: int, minutes: float, passed: bool = True, hints: int = 0, assisted: bool = False
) -> Effort:
    return Effort(
        id, f"Title of {id}", attempts, minutes * 60, TODAY if passed else None, hints, assisted, expected_minutes=30
    )  # fmt: skip


FULL = Statistics(
    today=TODAY,
    attempts=76,
    reviews=3,
    later=0,
    active_days=4,
    activity=_activity(),
    streak=Streak(2, 7, today=True),
    overall=Share("c", "The course", 3, 20, 30, 200),
    path=Share("p", "p", 2, 8, 20, 80),
    topics=(Share("a", "Attention", 2, 2, 20, 20), Share("b", "Backprop", 1, 3, 10, 130)),
    roadmap=(Share("T4", "T4", 0, 5, 0, 50),),
    timeline=(Milestone(date(2026, 1, 5), 1), Milestone(date(2026, 3, 3), 2), Milestone(TODAY, 3)),
    exercises=(_effort("a/one", 4, 15, hints=2), _effort("a/two", 1, 0, assisted=True), _effort("b/six", 9, 55, False),
               _effort("b/none", 0, 0, False)),
    recommended=(
        Recommendation("b/six", "Six", "follows from a/one, which you passed; you have begun it", True, 0),
        Recommendation("b/none", "None", "needs nothing before it; opens 2 others", False, 2),
    ),
)  # fmt: skip
NEW = replace(
    FULL, attempts=0, reviews=0, active_days=0, activity=tuple(Day(day.date) for day in FULL.activity), streak=Streak(),
    overall=Share("c", "The course", 0, 20, 0, 200), timeline=(), exercises=(_effort("a/one", 0, 0, False),),
)  # fmt: skip


def _screen(found: Statistics = FULL, titles: dict[str, str] | None = None) -> StatisticsScreen:
    return StatisticsScreen(found, titles or {})


def _shown(screen: StatisticsScreen) -> str:
    return " ".join(drawn(screen).split())


# -- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (Day(TODAY), "Today, Wed 4 Mar: nothing was graded."),
        (Day(TODAY, 1, 0, 0), "Today, Wed 4 Mar: 1 attempt."),
        (Day(TODAY, 1, 1, 0), "Today, Wed 4 Mar: 1 attempt, passed."),
        (Day(date(2026, 3, 3), 5, 2, 2), "Tue 3 Mar: 3 attempts, 2 of them passed and 2 reviews."),
        (Day(date(2026, 3, 3), 3, 0, 0), "Tue 3 Mar: 3 attempts, none of them passed."),
        (Day(date(2025, 12, 31), 1, 0, 1), "Wed 31 Dec 2025: 1 review."),
    ],
)
def test_a_day_is_told_in_a_sentence(day: Day, expected: str) -> None:
    assert sentence(day, TODAY) == expected


def test_the_totals_name_what_they_count() -> None:
    assert totals(FULL) == [
        ("3 of 20", "exercises, 2 of 8 on your path"),
        ("30 of 200", "points"),
        ("2 days", "streak, the longest 7 days"),
        ("76 attempts", "and 3 reviews on 4 days"),
    ]
    whole = replace(FULL, path=FULL.overall, reviews=0)
    assert totals(whole)[0] == ("3 of 20", "exercises")
    assert totals(whole)[3] == ("76 attempts", "on 4 days")


def test_a_streak_that_ends_tonight_and_days_to_come_are_told() -> None:
    assert told(FULL) == []
    assert told(replace(FULL, streak=Streak(2, 7, today=False))) == [
        "Save something today, and your streak grows to 3 days."
    ]
    assert told(replace(FULL, streak=Streak(0, 7, today=False))) == []
    assert "2 attempts are dated after today" in told(replace(FULL, later=2))[0]
    assert "Nothing was graded yet" in told(NEW)[0]


def test_the_drawings_have_their_sentences() -> None:
    assert activity_words(FULL) == "4 active days in these weeks; the busiest was Tue 3 Mar, with 50 graded."
    assert activity_words(replace(NEW, active_days=3)) == "Nothing in these weeks; 3 active days before."
    assert progress_words(FULL) == "3 of 20 passed since Mon 5 Jan, 2 of them in the last 28 days; the newest today."
    assert progress_words(NEW) == "The line begins with your first pass."
    one = replace(FULL, timeline=(Milestone(date(2026, 3, 3), 1),))
    assert progress_words(one) == "1 of 20 passed: Tue 3 Mar."
    assert progress_words(replace(one, timeline=(Milestone(TODAY, 4),))) == "4 of 20 passed, all on one day: today."


# -- lines -----------------------------------------------------------------------------------------------------------


def test_bars_are_full_only_where_all_is_passed() -> None:
    shares = [Share("a", "A", 2, 2, 20, 20), Share("b", "B", 199, 200, 5, 900), Share("c", "C", 1, 900, 1, 2),
              Share("d", "D", 0, 3, 0, 30), Share("e", "E", 0, 0, 0, 0)]  # fmt: skip
    rows = [line.plain for line in share_lines(shares, 72)]
    assert {len(row) for row in rows} == {72}
    assert rows[0].startswith("✓ A")
    assert rows[0].rstrip().endswith("20 of 20 points")
    bars = [(row.count("━"), row.count("─")) for row in rows]
    assert bars[0][1] == 0
    assert bars[1][1] == 1
    assert bars[2][0] == 1
    assert bars[3][0] == bars[4][0] == 0
    assert all("✓" not in row for row in rows[1:])


@pytest.mark.parametrize("width", [30, 50, 74, 120, 190])
def test_lines_are_as_wide_as_there_is_room(width: int) -> None:
    rows = [*share_lines(FULL.topics, width), *share_lines(FULL.roadmap, width)]
    assert max(row.cell_length for row in rows) <= width


def test_what_an_exercise_took_is_in_words_and_in_a_bar() -> None:
    lines = [" ".join(line.plain.split()) for line in effort_lines(FULL.exercises, {"a/one": "First"}, 100)]
    assert lines[0].startswith("✓ First 4 attempts 15 of 30 min ━")
    assert lines[0].endswith("2 hints")
    assert lines[1].startswith("✓ Title of a/two 1 attempt ? of 30 min ─")
    assert lines[1].endswith("solution seen")
    assert lines[2].startswith("✗ Title of b/six 9 attempts 55 of 30 min ━")
    assert len(lines) == 3, "what was never begun is not listed"
    fifteen, none, fifty_five = (line.count("━") for line in lines)
    assert none == 0 < fifteen < fifty_five
    # The mark in the middle is the expected time: reached or not.
    assert ["┿" in line for line in lines] == [False, False, True]
    assert effort_lines(NEW.exercises, {}, 80) == []


def test_a_hint_alone_counts_as_begun_and_a_course_may_expect_no_time() -> None:
    (only_a_hint,) = effort_lines([_effort("a/b", 0, 0, False, hints=1)], {}, 100)
    assert "not tried yet" in only_a_hint.plain
    assert only_a_hint.plain.startswith("· ")
    (timeless,) = effort_lines([replace(_effort("a/b", 2, 5), expected_minutes=0)], {}, 100)
    assert "5 of 0 min" in timeless.plain


def test_names_are_cut_by_cells() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abcdef", 5) == "abcd…"
    assert len(fit("注意注意", 5)) == 3


# -- the plot --------------------------------------------------------------------------------------------------------


def test_the_staircase_begins_at_nothing_and_ends_today() -> None:
    start = date(2026, 1, 4)
    assert staircase(FULL.timeline, start, TODAY) == ([0, 1, 1, 58, 58, 59, 59, 59], [0, 0, 1, 1, 2, 2, 3, 3])


def test_the_axes_have_whole_numbers_that_do_not_touch() -> None:
    assert upper(1, 150) == 5
    assert upper(20, 150) == 40
    assert upper(60, 150) == 150
    assert upper(2, 2) == 2
    for top in range(1, 400):
        found = numbers(top, 4)
        assert found[0] == 0
        assert found[-1] == top
        assert len(found) <= 6
        gaps = [later - earlier for earlier, later in pairwise(found)]
        assert min(gaps) * 2 >= max(gaps) or len(gaps) == 1
    assert dates(1, 6) == [0, 1]
    assert dates(100, 5) == [0, 25, 50, 75, 100]


@pytest.mark.parametrize("timeline", [FULL.timeline, (Milestone(TODAY, 1),), (Milestone(date(2020, 1, 1), 20),)])
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
def test_the_plot_is_drawn_in_both_themes(timeline: tuple[Milestone, ...], size: tuple[int, int]) -> None:
    screen = _screen(replace(FULL, timeline=timeline))

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        colours = []
        for theme in (DARK, LIGHT):
            app.register_theme(theme)
            app.theme = theme.name
            await pilot.pause()
            plot = drawn(screen.query_one(ProgressPlot))
            assert "4 Mar" in plot
            assert any(block in plot for block in "█▄▌▐▀")
            colours.append(screen.query_one(ProgressPlot)._colour())
        assert colours[0] != colours[1]
        # One of the terminal's own colours.
        app.theme = "ansi-dark"
        await pilot.pause()
        assert "4 Mar" in drawn(screen.query_one(ProgressPlot))

    play(screen, scenario, size)


# -- the calendar ----------------------------------------------------------------------------------------------------


def _rows(calendar: Calendar) -> list[str]:
    return drawn(calendar).splitlines()


def test_the_calendar_has_a_mark_for_every_day() -> None:
    calendar = Calendar(FULL.weeks, TODAY)

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        rows = _rows(calendar)
        # The quiet mark is in the legend too, and in no other line outside the days.
        assert sum(row.count(mark) for row in rows[1:8] for mark in MARKS) >= len(FULL.activity)
        assert [row[:3] for row in rows[1:8]] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        assert rows[0].split() == ["Sep", "Oct", "Nov", "Dec", "Jan", "Feb", "Mar"]
        # The last week has three days; Tuesday's 50 is the highest bar, today's 3 the lowest.
        assert rows[2].rstrip()[-1] == "█"
        assert rows[3].rstrip()[-1] == "▂"
        assert len(rows[4].rstrip()) < len(rows[3].rstrip())
        assert "none" in rows[9]
        assert "40 or more" in rows[9]

    play(calendar, scenario)


@pytest.mark.parametrize(
    ("keys", "day"),
    [
        ([], TODAY),
        (["left"], date(2026, 2, 25)),
        (["h", "k"], date(2026, 2, 24)),
        (["right"], TODAY),
        (["down"], TODAY),
        (["up"], date(2026, 3, 3)),
        (["up", "right"], date(2026, 3, 3)),
        (["home"], date(2025, 9, 8)),
        (["home", "left", "up"], date(2025, 9, 8)),
        (["home", "j", "l", "end"], TODAY),
    ],
)
def test_the_cursor_moves_by_days_and_weeks_and_stays_inside(keys: list[str], day: date) -> None:
    calendar = Calendar(FULL.weeks, TODAY)

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        calendar.focus()
        await pilot.press(*keys)
        await pilot.pause()
        assert calendar.day.date == day
        assert sentence(calendar.day, TODAY) in drawn(calendar)

    play(calendar, scenario)


def test_a_click_chooses_a_day() -> None:
    calendar = Calendar(FULL.weeks, TODAY)

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        wide = calendar._wide(calendar.content_size.width)
        await pilot.click(calendar, offset=(LEFT + 24 * wide, 2))
        assert calendar.day.date == date(2026, 2, 24)
        await pilot.click(calendar, offset=(LEFT + 25 * wide, 7))
        assert calendar.day.date == date(2026, 2, 24), "that Sunday is to come"

    play(calendar, scenario)


@pytest.mark.parametrize("width", [20, 40, 60, 120])
def test_where_there_is_little_room_the_newest_weeks_are_shown(width: int) -> None:
    calendar = Calendar(FULL.weeks, TODAY)

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        rows = _rows(calendar)
        assert [row[:3] for row in rows[1:4]] == ["Mon", "Tue", "Wed"]
        assert rows[2].rstrip()[-1] == "█"
        at = rows[2].rstrip().index("█", LEFT)
        await pilot.click(calendar, offset=(at, 2))
        assert calendar.day.date == date(2026, 3, 3)

    play(calendar, scenario, (width, 24))


# -- the screen ------------------------------------------------------------------------------------------------------


def _answer(found: Statistics, *keys: str) -> list[str | None]:
    answers: list[str | None] = []
    around = Static("")

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        app.push_screen(_screen(found), answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()

    play(around, scenario)
    return answers


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["escape"], [None]),
        (["q"], [None]),
        (["enter"], ["b/six"]),
        (["down", "enter"], ["b/none"]),
        (["j", "k", "enter"], ["b/six"]),
        (["tab", "enter"], []),
        (["tab", "shift+tab", "enter"], ["b/six"]),
    ],
)
def test_enter_goes_to_what_is_next(keys: list[str], expected: list[str | None]) -> None:
    assert _answer(FULL, *keys) == expected


def test_the_arrow_keys_scroll_beyond_the_list_and_back() -> None:
    screen = _screen()

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        page, listed = screen.query_one(Scroller), screen.query_one(NextList)
        await pilot.press("down")
        assert (page.scroll_offset.y, listed.highlighted) == (0, 1)
        await pilot.press("down", "j")
        await pilot.pause()
        assert page.scroll_offset.y == 2
        await pilot.press("up", "k", "up")
        await pilot.pause()
        assert (page.scroll_offset.y, listed.highlighted) == (0, 0)
        await pilot.press("end")
        await pilot.pause()
        assert page.scroll_offset.y == page.max_scroll_y > 0
        await pilot.press("pageup")
        await pilot.pause()
        assert page.scroll_offset.y < page.max_scroll_y
        await pilot.press("home", "space")
        await pilot.pause()
        assert page.scroll_offset.y > 2

    play(screen, scenario)


def test_tab_leads_to_the_calendar_and_shows_it() -> None:
    screen = _screen()

    async def scenario(app: Around, pilot: Pilot[None]) -> None:
        await pilot.press("tab")
        await pilot.pause()
        assert isinstance(app.focused, Calendar)
        assert app.focused.region in screen.query_one(Scroller).region
        await pilot.press("up")
        await pilot.pause()
        assert "Tue 3 Mar: 50 attempts, 2 of them passed." in _shown(screen)

    play(screen, scenario)


@pytest.mark.parametrize("size", [(80, 24), (160, 45), (200, 60)])
def test_everything_is_on_the_page(size: tuple[int, int]) -> None:
    screen = _screen(titles={"b/six": "The sixth"})

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        shown = _shown(screen)
        for text in (
            "2 days streak, the longest 7 days", "The sixth b/six", "Follows from a/one, which you passed", "not on your path.",
            "Activity of the last 26 weeks", "4 active days", "Exercises passed", "3 of 20 passed since", "✓ Attention",
            "Along the roadmap", "What each exercise took", "9 attempts",
        ):  # fmt: skip
            assert text in shown
        assert screen.query_one(Scroller).max_scroll_x == 0
        for box in screen.query(".statistics-box"):
            assert box.parent is not None
            assert all(child.region in box.region for child in box.children), f"{box} cuts something off"

    play(screen, scenario, size)


def test_two_boxes_stand_side_by_side_where_there_is_room_as_high_as_each_other() -> None:
    for size, beside in (((80, 24), False), ((160, 45), True)):
        screen = _screen()

        async def scenario(
            _app: Around, _pilot: Pilot[None], screen: StatisticsScreen = screen, beside: bool = beside
        ) -> None:
            left, right = screen.query_one("#statistics-next").region, screen.query_one("#statistics-activity").region
            assert (left.y == right.y) == beside
            assert not beside or left.height == right.height

        play(screen, scenario, size)


def test_where_there_is_nothing_yet_it_says_so_and_what_to_do() -> None:
    screen = _screen(NEW)

    async def scenario(app: Around, _pilot: Pilot[None]) -> None:
        shown = _shown(screen)
        assert "Nothing was graded yet. Open an exercise and save it" in shown
        assert "The line begins with your first pass." in shown
        assert "What each exercise took" not in shown
        assert not screen.query(Calendar)
        assert not screen.query(ProgressPlot)
        assert isinstance(app.focused, NextList)

    play(screen, scenario)


def test_where_all_is_passed_the_page_itself_takes_the_keys() -> None:
    screen = _screen(replace(FULL, recommended=()))

    async def scenario(_app: Around, pilot: Pilot[None]) -> None:
        assert "Every exercise of this course is passed." in _shown(screen)
        await pilot.press("j")
        await pilot.pause()
        assert screen.query_one(Scroller).scroll_offset.y == 1

    play(screen, scenario)


def test_hostile_titles_are_shown_as_they_are() -> None:
    share = Share("x", HOSTILE, 1, 2, 1, 2)
    found = replace(
        FULL, topics=(share,), roadmap=(share,), exercises=(replace(FULL.exercises[0], title=HOSTILE),),
        recommended=(Recommendation("x/y", HOSTILE, HOSTILE, True, 0),),
    )  # fmt: skip
    screen = _screen(found)

    async def scenario(_app: Around, _pilot: Pilot[None]) -> None:
        assert drawn(screen).count(HARMLESS) == 5
        assert len(screen.query(Lines)) == 3

    play(screen, scenario, (160, 45))

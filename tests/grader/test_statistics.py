"""What a history adds up to: on a real store whose clock is set by the test, and on attempts made by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.read import read_course
from grader.course.workspace import init
from grader.model import Attempt, Course, Exercise, Progress, Topic, Verdict
from grader.session import Session
from grader.standing import Standing
from grader.statistics import Day, Effort, Milestone, Share, Statistics, Streak, recommended, statistics_of, streak
from grader.store import Store, open_store

MINICOURSE = Path(__file__).parents[1] / "minicourse"
COURSE = read_course(MINICOURSE)
CLAMP, SLOPE, FREQUENCIES, VOCABULARY = "numbers/clamp", "numbers/slope", "words/frequencies", "words/vocabulary"
NEW_YORK = ZoneInfo("America/New_York")
# A Wednesday.
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
TODAY = NOW.date()


class Clock:
    """Tells the time that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Learner:
    """Records gradings in a store, each with a source of its own."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock, self.saves = store, clock, 0

    def save(self, exercise: str, at: str, status: str = "failed", kind: str = "save") -> None:
        """Grade a save at that moment: ISO 8601 in UTC."""
        self.saves += 1
        self.clock.now = datetime.fromisoformat(at).replace(tzinfo=UTC)
        verdict = Verdict(
            "mini", exercise, status, float(status == "passed"), (), suite_sha256="s"  # type: ignore[arg-type]
        )  # fmt: skip
        assert self.store.record(exercise, f"# {self.saves}", verdict, kind=kind) is not None

    def statistics(self, now: datetime = NOW, weeks: int = 26) -> Statistics:
        standing = Standing(COURSE, self.store.progress())
        return statistics_of(standing, self.store.attempts(), now, {"words/vocab": VOCABULARY}, weeks)

    def effort(self, exercise: str) -> Effort:
        return next(each for each in self.statistics().exercises if each.exercise == exercise)

    def active(self, now: datetime = NOW) -> dict[str, Day]:
        return {day.date.isoformat(): day for day in self.statistics(now).activity if day.graded}


@pytest.fixture
def learner(tmp_path: Path) -> Iterator[Learner]:
    clock = Clock()
    with open_store(tmp_path / "progress.db", clock=clock, aliases={"words/vocab": VOCABULARY}) as store:
        yield Learner(store, clock)


def attempt(exercise: str, at: str, status: str = "failed", kind: str = "save", sequence: int = 1) -> Attempt:
    return Attempt(sequence, at, exercise, "x", status, 0.0, 0.1, 1, kind)  # type: ignore[arg-type]


def of(*attempts: Attempt, now: datetime = NOW, weeks: int = 26) -> Statistics:
    return statistics_of(Standing(COURSE, {}), attempts, now, {}, weeks)


# Activity


def test_before_the_first_attempt() -> None:
    found = of()
    assert (found.attempts, found.active_days, found.later, found.timeline) == (0, 0, 0, ())
    assert found.streak == Streak(0, 0, today=False)
    assert not any(day.graded for day in found.activity)
    assert found.overall == Share("mini", COURSE.title, 0, 4, 0, 45)
    assert [each.exercise for each in found.recommended] == [CLAMP]
    assert found.exercises[0] == Effort(CLAMP, COURSE.exercises[CLAMP].title, 0, 0.0, None, 0, False, 5)


def test_calendar_begins_on_a_monday_and_ends_today() -> None:
    found = of(weeks=3)
    assert [day.date for day in found.activity] == [date(2026, 2, 16) + timedelta(days=n) for n in range(17)]
    assert [len(week) for week in found.weeks] == [7, 7, 3]
    assert {week[0].date.weekday() for week in found.weeks} == {0}
    assert [len(week) for week in of(now=datetime(2026, 3, 1, tzinfo=UTC), weeks=2).weeks] == [7, 7]


def test_a_day_counts_what_was_graded_and_what_passed(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-03T10:00:00")
    learner.save(CLAMP, "2026-03-03T10:05:00", "passed")
    learner.save(SLOPE, "2026-03-03T10:06:00", "error")
    learner.save(CLAMP, "2026-03-04T09:00:00", "passed", kind="review")
    learner.store.keep(CLAMP, "a copy")
    found = learner.statistics()
    assert learner.active() == {
        "2026-03-03": Day(date(2026, 3, 3), graded=3, passes=1),
        "2026-03-04": Day(date(2026, 3, 4), graded=1, passes=0, reviews=1),
    }
    assert (found.attempts, found.reviews, found.active_days) == (3, 1, 2)


def test_what_lies_before_the_calendar_counts_in_the_sums_only() -> None:
    found = of(attempt(CLAMP, "2025-01-01T12:00:00+00:00"), attempt(CLAMP, "2026-03-02T12:00:00+00:00"), weeks=1)
    assert [day.graded for day in found.activity] == [1, 0, 0]
    assert (found.attempts, found.active_days, found.later) == (2, 2, 0)


def test_kept_copies_never_count() -> None:
    assert of(attempt(CLAMP, "2026-03-04T12:00:00+00:00", "ungraded", "reset")) == of()


@pytest.mark.parametrize(
    ("graded", "level"), [(0, 0), (1, 1), (4, 1), (5, 2), (14, 2), (15, 3), (39, 3), (40, 4), (999, 4)]
)
def test_level_of_a_day(graded: int, level: int) -> None:
    assert Day(TODAY, graded).level == level


# Zones and clocks


def test_days_are_those_of_the_learners_zone(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-03T03:30:00")
    assert list(learner.active()) == ["2026-03-03"]
    assert list(learner.active(NOW.astimezone(NEW_YORK))) == ["2026-03-02"]
    assert list(learner.active(NOW.astimezone(ZoneInfo("Asia/Tokyo")))) == ["2026-03-03"]


def test_today_is_that_of_the_learners_zone() -> None:
    late = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
    found = of(attempt(CLAMP, late.isoformat()), now=late.astimezone(NEW_YORK))
    assert (found.today, found.streak.today, found.later) == (date(2026, 3, 4), True, 0)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        # Clocks go forward on 8 March at 7:00 UTC: midnight is at 5:00 before and at 4:00 after.
        ("2026-03-08T04:59:00+00:00", "2026-03-07"),
        ("2026-03-08T05:00:00+00:00", "2026-03-08"),
        ("2026-03-09T03:59:00+00:00", "2026-03-08"),
        ("2026-03-09T04:00:00+00:00", "2026-03-09"),
        # And back on 2 November 2025 at 6:00 UTC, a day of 25 hours.
        ("2025-11-02T04:00:00+00:00", "2025-11-02"),
        ("2025-11-03T04:59:00+00:00", "2025-11-02"),
        ("2025-11-03T05:00:00+00:00", "2025-11-03"),
    ],
)
def test_days_on_which_clocks_change(at: str, day: str) -> None:
    now = datetime(2026, 3, 20, tzinfo=NEW_YORK)
    assert [each.date.isoformat() for each in of(attempt(CLAMP, at), now=now).activity if each.graded] == [day]


def test_a_change_of_clocks_adds_nothing_to_the_time_spent() -> None:
    found = of(
        attempt(CLAMP, "2026-03-08T06:50:00+00:00"),
        attempt(CLAMP, "2026-03-08T07:10:00+00:00", "passed"),
        now=datetime(2026, 3, 20, tzinfo=NEW_YORK),
    )
    assert found.exercises[0].seconds == 20 * 60


def test_attempts_written_with_another_offset() -> None:
    found = of(attempt(CLAMP, "2026-03-03T00:30:00+09:00"), attempt(CLAMP, "2026-03-02T15:40:00+00:00", "passed"))
    assert [day.graded for day in found.activity if day.graded] == [2]
    assert found.exercises[0].seconds == 10 * 60


def test_a_time_without_an_offset_is_utc() -> None:
    found = of(attempt(CLAMP, "2026-03-03T03:30:00"), now=NOW.astimezone(NEW_YORK))
    assert [day.date.isoformat() for day in found.activity if day.graded] == ["2026-03-02"]


def test_what_is_dated_in_the_future_keeps_its_pass_and_is_no_activity(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-04T17:00:00")
    learner.save(CLAMP, "2031-01-01T12:00:00", "passed")
    learner.save(FREQUENCIES, "2026-03-04T17:30:00")
    found = learner.statistics()
    assert found.later == 1
    assert [(day.date, day.graded, day.passes) for day in found.activity if day.graded] == [(TODAY, 2, 0)]
    assert found.streak == Streak(1, 1, today=True)
    assert found.overall.passed == 1
    assert found.timeline == (Milestone(TODAY, 1),)
    assert learner.effort(CLAMP).passed_on == TODAY


def test_later_today_is_today() -> None:
    found = of(attempt(CLAMP, (NOW + timedelta(hours=1)).isoformat()))
    assert (found.later, found.streak.current) == (0, 1)


@pytest.mark.parametrize("at", ["", "yesterday", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_none_stops_nothing(at: str) -> None:
    now = NOW.astimezone(timezone(timedelta(hours=-5)))
    found = of(attempt(CLAMP, at, "passed"), attempt(CLAMP, "2026-03-04T12:00:00+00:00"), now=now)
    assert (found.attempts, found.later, found.active_days) == (2, 1, 1)
    assert found.exercises[0].attempts == 1


def test_now_must_be_aware() -> None:
    with pytest.raises(ValueError, match="aware"):
        of(now=datetime(2026, 3, 4))


# Streaks


def days(*ago: int) -> set[date]:
    return {TODAY - timedelta(days=each) for each in ago}


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        (days(), Streak(0, 0, today=False)),
        (days(0), Streak(1, 1, today=True)),
        (days(1, 2), Streak(2, 2, today=False)),
        (days(2, 3, 4), Streak(0, 3, today=False)),
        (days(0, 1, 3, 4, 5), Streak(2, 3, today=True)),
        (days(1, 3, 4), Streak(1, 2, today=False)),
        (days(-1, 0), Streak(1, 1, today=True)),
        (days(-1), Streak(0, 0, today=False)),
    ],
)
def test_streak(active: set[date], expected: Streak) -> None:
    assert streak(active, TODAY) == expected


@given(st.sets(st.integers(-3, 40)))
def test_streaks_agree_with_counting_by_hand(ago: set[int]) -> None:
    past = {each for each in ago if each >= 0}
    runs = {each: next(n for n in range(50) if each + n not in past) for each in past}
    found = streak(days(*ago), TODAY)
    assert found.longest == max(runs.values(), default=0)
    assert found.current == (runs.get(0) or runs.get(1, 0))
    assert found.today == (0 in past)


def test_a_failed_attempt_and_a_review_keep_the_streak(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-01T10:00:00", "passed")
    learner.save(SLOPE, "2026-03-02T10:00:00", "failed")
    learner.save(CLAMP, "2026-03-03T10:00:00", "failed", kind="review")
    assert learner.statistics().streak == Streak(3, 3, today=False)


def test_what_the_course_no_longer_has_is_activity_but_no_progress(learner: Learner) -> None:
    learner.save("numbers/gone", "2026-03-03T10:00:00", "passed")
    found = learner.statistics()
    assert (found.attempts, found.active_days, found.streak.current) == (1, 1, 1)
    assert (found.overall.passed, found.timeline) == (0, ())
    assert [each.exercise for each in found.exercises] == [CLAMP, FREQUENCIES, VOCABULARY, SLOPE]


# Progress


def test_shares_of_course_path_and_topics(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-02T10:00:00", "passed")
    learner.save(SLOPE, "2026-03-02T11:00:00", "passed")
    learner.save(SLOPE, "2026-03-02T11:01:00", "failed")
    found = learner.statistics()
    assert found.overall == Share("mini", COURSE.title, 2, 4, 15, 45)
    path = "towards a vocabulary"
    assert found.path == Share(path, path, 1, 3, 5, 35)
    assert found.topics == (Share("numbers", "Numbers", 2, 2, 15, 15), Share("words", "Words", 0, 2, 0, 30))
    assert found.roadmap == ()


def test_an_exercise_counts_for_each_of_its_roadmap_tags_once() -> None:
    exercises = (
        Exercise("t/a", "A", points=1, roadmap=("T2", "M1", "T2")),
        Exercise("t/b", "B", points=2, roadmap=("M1",)),
        Exercise("t/c", "C", points=4),
    )
    course = Course(
        "x", "X", "1", Path("/"), (Topic("t", "T", exercises),), {"all": ("t/a",)}, roadmap={"T2": "Self-attention"}
    )
    found = statistics_of(Standing(course, {"t/b": Progress("t/b", 1, 1)}), (), NOW)
    assert found.roadmap == (Share("T2", "Self-attention", 0, 1, 0, 1), Share("M1", "M1", 1, 2, 2, 3))


def test_timeline_counts_first_passes_by_day(learner: Learner) -> None:
    learner.save(CLAMP, "2026-03-01T10:00:00", "passed")
    learner.save(SLOPE, "2026-03-03T10:00:00", "passed")
    learner.save(FREQUENCIES, "2026-03-03T11:00:00", "passed")
    learner.save(CLAMP, "2026-03-04T10:00:00", "passed")
    learner.save(SLOPE, "2026-03-04T10:00:00", "passed", kind="review")
    assert learner.statistics().timeline == (Milestone(date(2026, 3, 1), 1), Milestone(date(2026, 3, 3), 3))


# Time and attempts per exercise


def test_effort_ends_with_the_first_pass(learner: Learner) -> None:
    learner.store.take_hint(SLOPE, 1)
    learner.store.take_hint(SLOPE, 2)
    learner.store.open_solution(SLOPE)
    learner.save(SLOPE, "2026-03-01T10:00:00")
    learner.save(SLOPE, "2026-03-01T10:04:00", "error")
    learner.save(SLOPE, "2026-03-01T10:10:00", "passed")
    learner.save(SLOPE, "2026-03-01T10:12:00", "failed")
    title = COURSE.exercises[SLOPE].title
    assert learner.effort(SLOPE) == Effort(SLOPE, title, 3, 600.0, date(2026, 3, 1), 2, True, 10)


def test_effort_so_far(learner: Learner) -> None:
    learner.save(SLOPE, "2026-03-01T10:00:00")
    learner.save(CLAMP, "2026-03-01T10:01:00", "passed")
    learner.save(SLOPE, "2026-03-01T10:02:00")
    assert (learner.effort(SLOPE).attempts, learner.effort(SLOPE).seconds) == (2, 120.0)
    assert learner.effort(SLOPE).passed_on is None
    assert (learner.effort(CLAMP).attempts, learner.effort(CLAMP).seconds) == (1, 0.0)


def test_pauses_of_more_than_half_an_hour_are_no_work(learner: Learner) -> None:
    learner.save(SLOPE, "2026-03-01T10:00:00")
    learner.save(SLOPE, "2026-03-01T10:30:00")
    learner.save(SLOPE, "2026-03-01T11:00:01")
    learner.save(SLOPE, "2026-03-02T09:00:00")
    learner.save(SLOPE, "2026-03-02T09:05:00", "passed")
    assert learner.effort(SLOPE).seconds == (30 + 5) * 60


def test_a_clock_put_back_takes_no_time_away(learner: Learner) -> None:
    learner.save(SLOPE, "2026-03-01T10:00:00")
    learner.save(SLOPE, "2026-03-01T10:10:00")
    learner.save(SLOPE, "2026-03-01T09:30:00")
    learner.save(SLOPE, "2026-03-01T09:35:00", "passed")
    assert learner.effort(SLOPE).seconds == (10 + 5) * 60


def test_a_review_is_no_attempt_at_the_exercise(learner: Learner) -> None:
    learner.save(SLOPE, "2026-03-01T10:00:00")
    learner.save(SLOPE, "2026-03-01T10:01:00", "passed", kind="review")
    assert (learner.effort(SLOPE).attempts, learner.effort(SLOPE).passed_on) == (1, None)


def test_attempts_under_an_older_id_are_of_the_exercise(learner: Learner) -> None:
    learner.save("words/vocab", "2026-03-01T10:00:00")
    learner.save(VOCABULARY, "2026-03-01T10:03:00", "passed")
    assert (learner.effort(VOCABULARY).attempts, learner.effort(VOCABULARY).seconds) == (2, 180.0)
    assert learner.statistics().overall.passed == 1


# What to do next


def standing(*passed: str, failed: tuple[str, ...] = (), path: str | None = None) -> Standing:
    known = {id_: Progress(id_, attempts=1, passed_version=9) for id_ in passed}
    known |= {id_: Progress(id_, attempts=1, last_status="failed") for id_ in failed}
    return Standing(COURSE, known, path)


def reasons(now: Standing) -> dict[str, str]:
    return {each.exercise: each.reason for each in recommended(now)}


def test_recommended_are_ready_with_reasons() -> None:
    assert reasons(standing()) == {CLAMP: "needs nothing before it; opens 3 others"}
    assert reasons(standing(CLAMP)) == {
        FREQUENCIES: "follows from numbers/clamp, which you passed; opens 1 other",
        SLOPE: "follows from numbers/clamp, which you passed",
    }
    assert reasons(standing(CLAMP, FREQUENCIES, failed=(VOCABULARY,))) == {
        VOCABULARY: "follows from words/frequencies, which you passed; you have begun it",
        SLOPE: "follows from numbers/clamp, which you passed",
    }
    assert reasons(standing(CLAMP, SLOPE, FREQUENCIES, VOCABULARY)) == {}


def course(requires: dict[str, tuple[str, ...]], path: tuple[str, ...]) -> Course:
    exercises = tuple(Exercise(id_, id_, requires=before) for id_, before in requires.items())
    return Course("x", "X", "1", Path("/"), (Topic("t", "T", exercises),), {"path": path})


def test_recommended_are_in_the_paths_order_then_by_what_they_open() -> None:
    # b opens e and, through it, f; g opens f alone; c opens nothing.
    requires: dict[str, tuple[str, ...]] = {
        "t/a": (), "t/b": (), "t/c": (), "t/d": (), "t/e": ("t/b",), "t/g": (), "t/f": ("t/e", "t/g"),
    }  # fmt: skip
    found = recommended(Standing(course(requires, ("t/d", "t/c")), {}), limit=9)
    assert [(each.exercise, each.on_path, each.opens) for each in found] == [
        ("t/d", True, 0), ("t/c", True, 0), ("t/b", False, 2), ("t/g", False, 1), ("t/a", False, 0),
    ]  # fmt: skip
    assert len(recommended(Standing(course(requires, ("t/d",)), {}))) == 3


def test_what_is_passed_is_neither_opened_nor_in_the_way() -> None:
    chain: dict[str, tuple[str, ...]] = {"t/a": (), "t/b": ("t/a",), "t/c": ("t/b",), "t/d": ("t/c",)}
    passed = {"t/c": Progress("t/c", 1, 1)}
    found = {each.exercise: each.opens for each in recommended(Standing(course(chain, ("t/a",)), passed), limit=9)}
    assert found == {"t/a": 1, "t/d": 0}


def test_reason_names_all_that_it_follows_from() -> None:
    three: dict[str, tuple[str, ...]] = {"t/a": (), "t/b": (), "t/c": (), "t/d": ("t/a", "t/b", "t/c")}
    passed = {id_: Progress(id_, 1, 1) for id_ in ("t/a", "t/b", "t/c")}
    (only,) = recommended(Standing(course(three, ("t/a",)), passed))
    assert only.reason == "follows from t/a, t/b and t/c, which you passed"


@given(st.sets(st.sampled_from([CLAMP, SLOPE, FREQUENCIES, VOCABULARY])))
def test_whatever_is_passed_the_first_on_the_path_is_the_next_one(passed: set[str]) -> None:
    now = standing(*passed)
    found = recommended(now)
    assert all(now.passed.issuperset(COURSE.exercises[each.exercise].requires) for each in found)
    assert not {each.exercise for each in found} & passed
    if found and found[0].on_path:
        assert found[0].exercise == next(row.exercise.id for row in now.rows() if row.ready and row.state != "passed")


# The session, and size


def test_session_gathers_from_its_store(tmp_path: Path) -> None:
    root = init(tmp_path / "ws", read_course(MINICOURSE), str(MINICOURSE)).workspace.root
    clock = Clock()
    with Session.open(root) as session:
        with open_store(session.workspace.database, clock=clock) as store:
            learner = Learner(store, clock)
            learner.save("words/vocab", "2026-03-03T23:30:00")
            learner.save("words/vocab", "2026-03-03T23:40:00", "passed")
        session.set_path("everything")
        found = session.statistics(NOW.astimezone(ZoneInfo("Europe/Berlin")), weeks=1)
    assert [(day.date.isoformat(), day.graded, day.passes) for day in found.activity] == [
        ("2026-03-02", 0, 0), ("2026-03-03", 0, 0), ("2026-03-04", 2, 1),
    ]  # fmt: skip
    assert found.path.name == "everything"
    assert found.topics[1].passed == 1
    assert found.timeline == (Milestone(date(2026, 3, 4), 1),)


def test_ten_thousand_attempts_take_no_time() -> None:
    history = [
        attempt(list(COURSE.exercises)[n % 4], (NOW - timedelta(minutes=11 * n)).isoformat(), sequence=10_000 - n)
        for n in range(10_000)
    ][::-1]
    zone = NOW.astimezone(NEW_YORK)

    def once() -> float:
        start = time.process_time()
        assert of(*history, now=zone).attempts == 10_000
        return time.process_time() - start

    assert min(once() for _ in range(3)) < 0.1

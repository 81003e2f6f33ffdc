"""What a learner's history adds up to: activity by day, streaks, progress, time spent, and what to do next.

Works it out of attempts and a standing that are handed in; reads no store and no clock, and draws nothing. A day is one of the
learner: of the zone that `now` has. Kept copies (status "ungraded") never count. Reviews count as activity and towards a
streak, but neither as attempts nor as passes. What is dated after today (the clock was moved) keeps its pass, but is no activity.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from grader.model import Attempt, Exercise
from grader.recommending import Recommendation, recommended
from grader.standing import Standing

__all__ = [
    "Day", "Effort", "Milestone", "Recommendation", "Share", "Statistics", "Streak", "recommended", "statistics_of", "streak",
]  # fmt: skip

WEEKS = 26
# Whoever does not save for half an hour is at lunch, or asleep.
IDLE_SECONDS = 30 * 60.0
# From how many attempts a day is a busier one: none, a few, some, many, very many.
BUSY = (1, 5, 15, 40)
KEPT = "ungraded"
REVIEW = "review"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """One day. `graded`: attempts and reviews; `passes`: the attempts among them that passed; `reviews` passed or not."""

    date: date
    graded: int = 0
    passes: int = 0
    reviews: int = 0

    @property
    def level(self) -> int:
        """How busy it was, from 0 (nothing graded) to 4; see BUSY."""
        return bisect_right(BUSY, self.graded)


@dataclass(frozen=True)
class Streak:
    """Runs of consecutive days with at least one graded attempt or review, passed or not.

    `current` is the run that ends today, or yesterday where today has none yet: the day is not over. `today` says
    whether today has one.
    """

    current: int = 0
    longest: int = 0
    today: bool = False


@dataclass(frozen=True)
class Share:
    """How much of a part of the course is passed, in whatever version of the suites. `points` are those of what is passed."""

    name: str
    title: str
    passed: int
    total: int
    points: int
    points_total: int


@dataclass(frozen=True)
class Milestone:
    """So many exercises of the course were passed by the end of that day."""

    date: date
    passed: int


@dataclass(frozen=True)
class Effort:
    """What one exercise has cost.

    `attempts` are those up to the first pass, that one included; all so far where there is none. `seconds` is the wall
    time from the first to the last of them, less every pause of more than IDLE_SECONDS between two: 0 for a pass at
    the first attempt, since what came before a first save is not known. `passed_on` is the day of the first pass.
    """

    exercise: str
    title: str
    attempts: int
    seconds: float
    passed_on: date | None
    hints: int
    assisted: bool
    expected_minutes: int


@dataclass(frozen=True)
class Statistics:
    """Everything. `attempts` and `reviews` are of all time, of exercises no longer in the course too.

    `days` are those of `activity`, without a gap, from a Monday to today: seven to a week, the last week cut short.
    `active_days` counts those of all time. `later` are the attempts and reviews dated after today, or at no time that can be
    read. `exercises` is in the learner's order, `timeline` has a milestone for each day that had a first pass.
    """

    today: date
    attempts: int
    reviews: int
    later: int
    active_days: int
    activity: tuple[Day, ...]
    streak: Streak
    overall: Share
    path: Share
    topics: tuple[Share, ...]
    roadmap: tuple[Share, ...]
    timeline: tuple[Milestone, ...]
    exercises: tuple[Effort, ...]
    recommended: tuple[Recommendation, ...]

    @property
    def weeks(self) -> tuple[tuple[Day, ...], ...]:
        """The activity week by week, each from Monday on; the last ends today."""
        return tuple(self.activity[start : start + 7] for start in range(0, len(self.activity), 7))


@dataclass(frozen=True)
class _Graded:
    """A graded attempt: under which id the course has it now, when (UTC) and on which day of the learner's."""

    exercise: str
    moment: datetime | None
    day: date | None
    passed: bool
    review: bool


def statistics_of(
    standing: Standing,
    attempts: Iterable[Attempt],
    now: datetime,
    aliases: Mapping[str, str] | None = None,
    weeks: int = WEEKS,
) -> Statistics:
    """Work out the statistics.

    Args:
        standing: where the learner stands now.
        attempts: the whole history, in the order of its sequence.
        now: the present moment, aware of the learner's zone, which knows that zone's past (`grader.localtime`).
        aliases: old id -> present id.
        weeks: how many weeks of activity, this one included.

    Raises ValueError where `now` is not aware of its zone.
    """
    if now.utcoffset() is None:
        raise ValueError("`now` must be aware of its zone")
    today = now.date()
    graded = [_graded(each, now, aliases or {}) for each in attempts if each.status != KEPT]
    days = _days(graded, today)
    course = standing.course
    along = [standing.exercises[id_] for id_ in course.paths[standing.path]]
    efforts = _efforts(standing, graded, today)
    return Statistics(
        today=today,
        attempts=sum(not each.review for each in graded),
        reviews=sum(each.review for each in graded),
        later=len(graded) - sum(day.graded for day in days.values()),
        active_days=len(days),
        activity=_calendar(days, today, weeks),
        streak=streak(days, today),
        overall=_share(course.name, course.title, standing.exercises.values(), standing),
        path=_share(standing.path, standing.path, along, standing),
        topics=tuple(_share(each.name, each.title, each.exercises, standing) for each in course.topics),
        roadmap=_roadmap(standing),
        timeline=_timeline(efforts),
        exercises=efforts,
        recommended=recommended(standing),
    )


def streak(days: Iterable[date], today: date) -> Streak:
    """The runs in `days` (see Streak); days after `today` are left out."""
    active = {day for day in days if day <= today}
    longest = run = 0
    for day in sorted(active):
        run = run + 1 if day - DAY in active else 1
        longest = max(longest, run)
    # What is left in `run` is the run that ends at the newest day.
    alive = bool(active) and max(active) >= today - DAY
    return Streak(run if alive else 0, longest, today in active)


def _graded(attempt: Attempt, now: datetime, aliases: Mapping[str, str]) -> _Graded:
    review = attempt.kind == REVIEW
    moment = day = None
    # A repaired database may hold a time that is none, or one that no zone can be applied to.
    try:
        moment = datetime.fromisoformat(attempt.at)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        day = moment.astimezone(now.tzinfo).date()
    except (ValueError, OverflowError, OSError):
        moment = day = None
    exercise = aliases.get(attempt.exercise, attempt.exercise)
    return _Graded(exercise, moment, day, attempt.status == "passed" and not review, review)


def _days(graded: Iterable[_Graded], today: date) -> dict[date, Day]:
    """The days up to today on which something was graded."""
    on: defaultdict[date, list[_Graded]] = defaultdict(list)
    for each in graded:
        if each.day is not None and each.day <= today:
            on[each.day].append(each)
    return {
        day: Day(day, len(those), sum(each.passed for each in those), sum(each.review for each in those))
        for day, those in on.items()
    }


def _calendar(days: Mapping[date, Day], today: date, weeks: int) -> tuple[Day, ...]:
    monday = today - today.weekday() * DAY
    first = monday - (weeks - 1) * 7 * DAY
    shown = (first + number * DAY for number in range((today - first).days + 1))
    return tuple(days.get(day, Day(day)) for day in shown)


def _share(name: str, title: str, exercises: Iterable[Exercise], standing: Standing) -> Share:
    those = list(exercises)
    passed = [each for each in those if each.id in standing.passed]
    earned, total = (sum(each.points for each in some) for some in (passed, those))
    return Share(name, title, len(passed), len(those), earned, total)


def _roadmap(standing: Standing) -> tuple[Share, ...]:
    """A share for each tag, in the order the course names them; an exercise with two tags is in both."""
    tagged: defaultdict[str, list[Exercise]] = defaultdict(list)
    for each in standing.exercises.values():
        for tag in dict.fromkeys(each.roadmap):
            tagged[tag].append(each)
    return tuple(_share(tag, standing.course.roadmap.get(tag, tag), those, standing) for tag, those in tagged.items())


def _efforts(standing: Standing, graded: Iterable[_Graded], today: date) -> tuple[Effort, ...]:
    at: defaultdict[str, list[_Graded]] = defaultdict(list)
    for each in graded:
        if not each.review:
            at[each.exercise].append(each)
    return tuple(_effort(standing, id_, at[id_], today) for id_ in standing.order)


def _effort(standing: Standing, exercise: str, attempts: Sequence[_Graded], today: date) -> Effort:
    first = next((number for number, each in enumerate(attempts) if each.passed), None)
    counted = attempts if first is None else attempts[: first + 1]
    passed_on = None if first is None else min(attempts[first].day or today, today)
    known, found = standing.progress[exercise], standing.exercises[exercise]
    return Effort(
        exercise, found.title, len(counted), _busy_seconds(counted), passed_on, known.hints, known.assisted, found.minutes
    )  # fmt: skip


def _busy_seconds(attempts: Sequence[_Graded]) -> float:
    moments = [each.moment for each in attempts if each.moment is not None]
    gaps = ((later - earlier).total_seconds() for earlier, later in pairwise(moments))
    # A clock that was put back makes a gap negative.
    return sum(gap for gap in gaps if 0 < gap <= IDLE_SECONDS)


def _timeline(efforts: Iterable[Effort]) -> tuple[Milestone, ...]:
    days = sorted(each.passed_on for each in efforts if each.passed_on is not None)
    reached = {day: count for count, day in enumerate(days, start=1)}
    return tuple(Milestone(day, count) for day, count in reached.items())

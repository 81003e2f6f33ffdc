"""`gradlings stats`: activity, streak, progress, time spent and what to do next, in plain lines.

Prints what `grader.statistics` works out and works out nothing itself. Nothing here is told by colour or by shape alone: each bar
has its numbers beside it, and the calendar's marks are plain characters with a legend.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from grader.cli.options import course_option, json_option, open_session

if TYPE_CHECKING:
    from grader.session import Session
    from grader.statistics import Day, Effort, Share, Statistics

MARKS = ".:+*#"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
BAR = 20
# Two characters a week keep the marks apart; more weeks than this need one, to stay within 80 columns.
WIDE_WEEKS = 36


@click.command("stats")
@click.option(
    "--weeks", type=click.IntRange(1, 53), default=26, show_default=True, help="How many weeks of activity to show."
)
@course_option
@json_option
def command(weeks: int, course: str | None, as_json: bool) -> None:
    """Show your activity, streak and progress.

    A day counts for the streak where something was graded on it, passed or not. Time spent leaves out pauses of more
    than half an hour.
    """
    from grader.cli.plain import print_json
    from grader.localtime import local_now

    with open_session(course) as session:
        found = session.statistics(local_now(), weeks)
        if as_json:
            print_json({"schema": 1, "course": session.course.name} | _plain(asdict(found)))
        else:
            _print(session, found)


def _plain(value: Any) -> Any:
    """`value` as JSON has it: dates as ISO 8601."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def _print(session: Session, found: Statistics) -> None:
    from grader.cli.plain import styled
    from grader.text import one_line

    click.echo(styled(f"{one_line(found.overall.title)}: {one_line(found.path.title)}", "bold"))
    click.echo(_summary(found))
    for title, lines in (
        (f"Activity of the last {_count(len(found.weeks), 'week')}", _activity(found)),
        ("Topics", _bars(found.topics)),
        ("Roadmap", _bars(found.roadmap)),
        ("Exercises you worked on", _efforts(found.exercises)),
        ("Next", _recommended(found)),
    ):
        if lines:
            click.echo()
            click.echo(styled(title, "bold"))
            for line in lines:
                click.echo(line)
    for notice in session.notices:
        click.echo(styled(one_line(notice, 400), "yellow"))


def _summary(found: Statistics) -> str:
    whole, path, streak = found.overall, found.path, found.streak
    lines = [f"{whole.passed} of {whole.total} exercises passed, {whole.points} of {whole.points_total} points."]
    if path.total != whole.total:
        lines.append(f"Along your path: {path.passed} of {path.total}.")
    if found.active_days or found.attempts or found.reviews:
        reviews = f" and {_count(found.reviews, 'review')}" if found.reviews else ""
        lines.append(f"{_count(found.attempts, 'attempt')}{reviews} on {_count(found.active_days, 'day')}.")
        today = "" if streak.today or not streak.current else " Save today to keep it."
        lines.append(f"Streak: {_count(streak.current, 'day')}, the longest {_count(streak.longest, 'day')}.{today}")
    else:
        lines.append("Nothing was graded yet: `gradlings watch` grades every save.")
    if found.later:
        those = "1 is" if found.later == 1 else f"{found.later} are"
        lines.append(f"{those} dated after today and not in the calendar: was the clock changed?")
    return "\n".join(lines)


def _activity(found: Statistics) -> list[str]:
    from grader.statistics import BUSY

    if not found.active_days:
        return []
    weeks = found.weeks
    wide = 2 if len(weeks) <= WIDE_WEEKS else 1
    lines = ["     " + _months(weeks, wide)]
    for weekday, name in enumerate(WEEKDAYS):
        marks = (MARKS[week[weekday].level] if weekday < len(week) else " " for week in weeks)
        lines.append(f"{name}  " + "".join(mark.ljust(wide) for mark in marks))
    ends = [f"{least} to {more - 1}" for least, more in pairwise(BUSY)]
    legend = zip(MARKS, ["none", *ends, f"{BUSY[-1]} or more"], strict=True)
    lines.append("Graded on a day:  " + "   ".join(f"{mark} {meaning}" for mark, meaning in legend))
    return [line.rstrip() for line in lines]


def _months(weeks: Sequence[Sequence[Day]], wide: int) -> str:
    """The name of a month above the first week that begins in it, where there is room."""
    line, before = "", 0
    for place, week in enumerate(weeks):
        month, start = week[0].date.month, place * wide
        if month != before and (not line or start > len(line)):
            line = line.ljust(start) + MONTHS[month - 1]
        before = month
    return line


def _bars(shares: Sequence[Share]) -> list[str]:
    from grader.text import one_line

    names = [one_line(share.name, 24) for share in shares]
    wide = max(map(len, names), default=0)
    lines = []
    for name, share in zip(names, shares, strict=True):
        # A bar is full only where all is passed.
        full = BAR * share.passed // share.total if share.total else 0
        bar = ("#" * full).ljust(BAR, ".")
        done, points = f"{share.passed} of {share.total}", f"{share.points} of {share.points_total} points"
        lines.append(f"  {name.ljust(wide)}  [{bar}]  {done:<9} {points}")
    return lines


def _efforts(efforts: Iterable[Effort]) -> list[str]:
    begun = [each for each in efforts if each.attempts or each.hints]
    wide = max((len(each.exercise) for each in begun), default=0)
    return [f"  {each.exercise.ljust(wide)}  {_effort(each)}" for each in begun]


def _effort(effort: Effort) -> str:
    if effort.attempts:
        spent = f"{_minutes(effort.seconds)} of {effort.expected_minutes} min"
        parts = [f"{'passed at attempt ' if effort.passed_on else 'attempts so far: '}{effort.attempts}", spent]
    else:
        parts = ["not tried yet"]
    if effort.hints:
        parts.append(_count(effort.hints, "hint"))
    if effort.assisted:
        parts.append("assisted")
    return ", ".join(parts)


def _recommended(found: Statistics) -> list[str]:
    from grader.text import one_line

    if not found.recommended:
        return ["  Every exercise of this course is passed."]
    return [
        line
        for each in found.recommended
        for line in (f"  {each.exercise}  {one_line(each.title)}", f"      {each.reason}")
    ]


def _minutes(seconds: float) -> str:
    return "under 1" if seconds < 60 else str(round(seconds / 60))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"

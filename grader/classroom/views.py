"""What the pages show, taken together from the class; no markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from grader.classroom.room import Room
from grader.store.classbook.values import Person, Role, Total

ROLES: tuple[Role, ...] = ("teacher", "student")
STUCK = 8
RECENT = 20


def time_of(text: str) -> str:
    """A time as people read it."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")


def percent(share: float) -> str:
    """A share of one."""
    return f"{100 * share:.0f} %"


def today() -> tuple[str, str]:
    """The days on which a streak that ends there still goes on: yesterday, and today."""
    now = datetime.now(UTC).date()
    return (now - timedelta(days=1)).isoformat(), now.isoformat()


def student(room: Room, who: Person) -> dict[str, Any]:
    """Somebody's standing by topic, and what they handed in of late."""
    standing = {one.exercise: one for one in room.book.standing(who.id)}
    topics = [
        (topic, [(exercise, standing.get(exercise.id)) for exercise in topic.exercises]) for topic in room.course.topics
    ]
    recent = room.book.submissions(who.id, limit=RECENT)
    return {
        "who": who,
        "topics": topics,
        "recent": recent,
        "points": sum(one.points for one in standing.values()),
        "passed": sum(one.passed_at is not None for one in standing.values()),
        "attempts": sum(one.attempts for one in standing.values()),
        "firsts": sum(one.first for one in standing.values()),
        "waiting": sum(one.status == "waiting" for one in recent),
    }


def roster(room: Room) -> dict[str, Any]:
    """Everybody, with whether they have joined yet."""
    invited = room.book.invited()
    return {"people": [(who, who.id in invited) for who in room.book.people("student")], "open": room.is_open}


def klass(room: Room, after: int, people: int) -> dict[str, Any]:
    """The map of `people` students from the one `after` on, and where the whole class is stuck."""
    students = room.book.people("student", people + 1, after)
    shown = students[:people]
    cells = {(cell.person, cell.exercise): cell for cell in room.book.cells([one.id for one in shown])}
    totals = room.book.totals()
    tried = [exercise for exercise in room.course.exercises.values() if exercise.id in totals]
    return {
        "students": shown,
        "exercises": tried,
        "cells": cells,
        "totals": totals,
        "stuck": _stuck(room, totals),
        "count": room.book.count("student"),
        "after": after,
        "more": len(students) > people,
        "people": people,
        "waiting": room.graders.length,
    }


def _stuck(room: Room, totals: dict[str, Total]) -> list[tuple[Total, list[tuple[str, int]]]]:
    """The exercises that most of those who tried have not passed, each with its commonest mistakes."""
    known = [total for total in totals.values() if total.exercise in room.course.exercises]
    worst = sorted(
        (total for total in known if total.tried > total.passed), key=lambda total: total.passed - total.tried
    )
    return [(total, room.book.mistakes(total.exercise)[:3]) for total in worst[:STUCK]]

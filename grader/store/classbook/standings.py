"""How students stand, kept as verdicts come, on a connection handed in. Begins and ends no transaction.

A page reads what is kept and never the submissions, so its time does not grow with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import Connection, delete, false, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from grader.model import Verdict
from grader.store.classbook.schema import first_pass, named_mistake, override, person, standing
from grader.store.classbook.values import Cell, Row, Standing, Total

_ROW = (
    person.c.id,
    person.c.nickname,
    person.c.points,
    person.c.passed,
    person.c.firsts,
    person.c.streak,
    person.c.last_day,
)


def count(connection: Connection, number: int, who: int, exercise: str, at: str, verdict: Verdict, points: int) -> None:
    """Count the verdict of submission `number`, accepted `at`, for the student who handed it in."""
    here = (standing.c.person == who, standing.c.exercise == exercise)
    old = connection.execute(select(standing.c.attempts, standing.c.best, standing.c.passed_at).where(*here)).first()
    times = [time for time in (old and old.passed_at, at if verdict.passed else None) if time]
    values = {
        "attempts": 1 + (old.attempts if old else 0),
        "best": max(verdict.score, old.best if old else 0.0),
        "passed_at": min(times, default=None),
        "points": points if times else 0,
    }
    if old is None:
        connection.execute(insert(standing).values(person=who, exercise=exercise, **values))
    else:
        connection.execute(update(standing).where(*here).values(**values))
    _apply_override(connection, who, exercise)
    if not verdict.passed:
        _note_mistakes(connection, who, exercise, verdict)
        return
    for changed in {who, *_first(connection, number, who, exercise)}:
        sum_up(connection, changed)


def set_points(
    connection: Connection, who: int, exercise: str, points: int | None, reason: str, at: str, worth: int
) -> None:
    """Give points by hand, or, where `points` is None, those that were earned again; `worth` is what a pass gives."""
    here = (override.c.person == who, override.c.exercise == exercise)
    connection.execute(delete(override).where(*here))
    there = (standing.c.person == who, standing.c.exercise == exercise)
    old = connection.execute(select(standing.c.passed_at).where(*there)).first()
    if points is not None:
        connection.execute(insert(override).values(person=who, exercise=exercise, points=points, reason=reason, at=at))
        if old is None:
            nothing = {"attempts": 0, "best": 0.0, "points": 0, "passed_at": None}
            connection.execute(insert(standing).values(person=who, exercise=exercise, **nothing))
        _apply_override(connection, who, exercise)
    elif old is not None:
        connection.execute(update(standing).where(*there).values(points=worth if old.passed_at else 0))
    sum_up(connection, who)


def _apply_override(connection: Connection, who: int, exercise: str) -> None:
    given = connection.scalar(
        select(override.c.points).where(override.c.person == who, override.c.exercise == exercise)
    )
    if given is not None:
        here = (standing.c.person == who, standing.c.exercise == exercise)
        connection.execute(update(standing).where(*here).values(points=given))


def _first(connection: Connection, number: int, who: int, exercise: str) -> list[int]:
    """Put `who` down as the first to pass, where no earlier submission did; who loses it."""
    old = connection.execute(select(first_pass).where(first_pass.c.exercise == exercise)).first()
    if old is None:
        connection.execute(insert(first_pass).values(exercise=exercise, person=who, submission=number))
        return []
    # Numbers follow the order of accepting; gradings end in any order.
    if old.submission <= number:
        return []
    connection.execute(
        update(first_pass).where(first_pass.c.exercise == exercise).values(person=who, submission=number)
    )
    return [old.person]


def sum_up(connection: Connection, who: int) -> None:
    """Reckon again what a leaderboard shows of somebody."""
    every = connection.execute(select(standing.c.points, standing.c.passed_at).where(standing.c.person == who)).all()
    rows = [row for row in every if row.passed_at is not None]
    days = sorted({row.passed_at[:10] for row in rows})
    values = {
        "points": sum(row.points for row in every),
        "passed": len(rows),
        "firsts": connection.scalar(select(func.count()).where(first_pass.c.person == who)),
        "streak": _run(days),
        "last_day": days[-1] if days else "",
        "last_pass_at": max((row.passed_at for row in rows), default=""),
    }
    connection.execute(update(person).where(person.c.id == who).values(**values))


def _run(days: list[str]) -> int:
    """How many of the last days follow each other."""
    length = 0
    expected: date | None = None
    for day in map(date.fromisoformat, reversed(days)):
        if expected is not None and day != expected:
            break
        length, expected = length + 1, day - timedelta(days=1)
    return length


_SEEN = (person.c.role == "student", person.c.listed.is_(True))


def leaderboard(connection: Connection, limit: int, after: int) -> list[Row]:
    """`limit` lines from place `after` + 1 on."""
    order = (person.c.points.desc(), person.c.last_pass_at, person.c.id)
    rows = connection.execute(select(*_ROW).where(*_SEEN).order_by(*order).limit(limit).offset(after))
    return [Row(after + number, *row) for number, row in enumerate(rows, 1)]


def place(connection: Connection, who: int) -> Row | None:
    """The line of one who wants to be seen."""
    row = connection.execute(select(*_ROW, person.c.last_pass_at).where(person.c.id == who, *_SEEN)).first()
    if row is None:
        return None
    ahead = connection.scalar(select(func.count()).select_from(person).where(*_SEEN, _before(row)))
    return Row((ahead or 0) + 1, *row[:-1])


def _before(row: object) -> ColumnElement[bool]:
    p, points, at, id = person.c, getattr(row, "points"), getattr(row, "last_pass_at"), getattr(row, "id")  # noqa: B009
    level = p.points == points
    return or_(p.points > points, level & (p.last_pass_at < at), level & (p.last_pass_at == at) & (p.id < id))


def of(connection: Connection, who: int) -> list[Standing]:
    """How far somebody is with each exercise that they tried."""
    s = standing.c
    rows = connection.execute(
        select(
            s.exercise,
            s.attempts,
            s.best,
            s.points,
            s.passed_at,
            func.coalesce(first_pass.c.person == who, false()),
            override.c.reason,
        )
        .outerjoin(first_pass, first_pass.c.exercise == s.exercise)
        .outerjoin(override, (override.c.exercise == s.exercise) & (override.c.person == s.person))
        .where(s.person == who)
    )
    return [Standing(*row) for row in rows]


def cells(connection: Connection, people: Sequence[int]) -> list[Cell]:
    """The standings of some students."""
    s = standing.c
    query = select(s.person, s.exercise, s.attempts, s.best, s.passed_at.is_not(None))
    return [Cell(*row) for row in connection.execute(query.where(s.person.in_(people)))]


def totals(connection: Connection) -> dict[str, Total]:
    """Of each exercise that anybody tried: how the class is doing with it."""
    s = standing.c
    tries, passed = func.sum(s.attempts), func.count(s.passed_at)
    rows = connection.execute(select(s.exercise, func.count(), passed, tries).group_by(s.exercise))
    return {row[0]: Total(row[0], row[1], row[2], int(row[3])) for row in rows}


def mistakes(connection: Connection, exercise: str) -> list[tuple[str, int]]:
    """The named mistakes in submissions of an exercise, and how many students made each, the commonest first."""
    m = named_mistake.c
    number = func.count().label("number")
    rows = connection.execute(
        select(m.message, number).where(m.exercise == exercise).group_by(m.message).order_by(number.desc(), m.message)
    )
    return [(row.message, row.number) for row in rows]


def _note_mistakes(connection: Connection, who: int, exercise: str, verdict: Verdict) -> None:
    m = named_mistake.c
    told = {check.diagnosis.message for check in verdict.checks if check.diagnosis}
    if told:
        known = set(connection.scalars(select(m.message).where(m.exercise == exercise, m.person == who)))
        new = [{"exercise": exercise, "message": message, "person": who} for message in sorted(told - known)]
        if new:
            connection.execute(insert(named_mistake), new)

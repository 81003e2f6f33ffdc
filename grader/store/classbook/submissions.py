"""What students handed in, and what came of it, on a connection handed in. Begins and ends no transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from grader.model import Verdict
from grader.store import gradings
from grader.store.classbook import standings
from grader.store.classbook.people import MAX_ID
from grader.store.classbook.schema import submission
from grader.store.classbook.values import Submitted
from grader.store.ledger_schema import grading
from grader.store.queries import unpacked_verdict

WAITING = "waiting"


def _lines(*more: Any) -> Select[Any]:
    s, g = submission.c, grading.c
    return select(
        s.id, s.person, s.exercise, s.at, g.source_sha256, func.coalesce(g.status, WAITING), func.coalesce(g.score, 0.0),
        g.trouble, *more,
    ).join(grading, s.grading == g.key)  # fmt: skip


def accept(connection: Connection, person: int, task: gradings.Task, at: str) -> tuple[Submitted, bool]:
    """Keep a submission; whether it is new. Its grading may be known already, from another student: then it counts at once."""
    query = _lines().where(submission.c.person == person, submission.c.grading == task.key)
    row = connection.execute(query).first()
    if row is not None:
        return Submitted(*row), False
    gradings.add(connection, [task])
    connection.execute(
        insert(submission).values(person=person, exercise=task.exercise, at=at, grading=task.key, counted=False)
    )
    return Submitted(*connection.execute(query).one()), True


def by_id(connection: Connection, id: int) -> Submitted | None:
    """One submission with its verdict. ValueError where that cannot be read."""
    if not 0 < id < MAX_ID:
        return None
    row = connection.execute(_lines(grading.c.verdict).where(submission.c.id == id)).first()
    if row is None:
        return None
    *line, body = row
    return replace(Submitted(*line), verdict=None if body is None else unpacked_verdict(body))


def of(connection: Connection, person: int, exercise: str | None, limit: int) -> list[Submitted]:
    """The newest submissions of somebody, the newest first."""
    query = _lines().where(submission.c.person == person).order_by(submission.c.id.desc()).limit(limit)
    if exercise is not None:
        query = query.where(submission.c.exercise == exercise)
    return [Submitted(*row) for row in connection.execute(query)]


def source_of(connection: Connection, id: int) -> str | None:
    """What was handed in with this number. ValueError where it is damaged."""
    found = by_id(connection, id)
    return None if found is None else gradings.text(connection, found.source_sha256)


def waiting(connection: Connection) -> list[str]:
    """The keys of what is not counted yet, in the order it was accepted.

    That is what has no verdict, and what was accepted when another student's verdict under the same key was there already.
    """
    query = select(submission.c.grading).where(submission.c.counted.is_(False)).group_by(submission.c.grading)
    return list(connection.scalars(query.order_by(func.min(submission.c.id))))


def record(connection: Connection, key: str, verdict: Verdict, worker: str, points: Mapping[str, int]) -> list[int]:
    """Record a verdict, unless there is one, and count it; for whom."""
    if gradings.record(connection, key, verdict, worker):
        return _count(connection, key, verdict, points)
    return settle(connection, key, points) or []


def settle(connection: Connection, key: str, points: Mapping[str, int]) -> list[int] | None:
    """Count the verdict of `key` for all for whom it is not counted yet; who they are. None where there is no verdict.

    Where there is no such grading any more, since whoever handed it in was erased, there is nobody to count it for.
    """
    found = connection.execute(select(grading.c.verdict).where(grading.c.key == key)).first()
    if found is None:
        return []
    if found.verdict is None:
        return None
    return _count(connection, key, unpacked_verdict(found.verdict), points)


def _count(connection: Connection, key: str, verdict: Verdict, points: Mapping[str, int]) -> list[int]:
    rows = connection.execute(
        select(submission.c.id, submission.c.person, submission.c.exercise, submission.c.at)
        .where(submission.c.grading == key, submission.c.counted.is_(False))
        .order_by(submission.c.id)
    ).all()
    for row in rows:
        standings.count(connection, row.id, row.person, row.exercise, row.at, verdict, points.get(row.exercise, 0))
        connection.execute(update(submission).where(submission.c.id == row.id).values(counted=True))
    return [row.person for row in rows]

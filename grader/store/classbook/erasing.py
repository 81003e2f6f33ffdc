"""Takes somebody out of a class with all they left, on a connection handed in. Begins and ends no transaction."""

from __future__ import annotations

import json

from sqlalchemy import Connection, delete, insert, or_, select, update

from grader.store.classbook import people, standings
from grader.store.classbook.schema import act, first_pass, named_mistake, override, person, standing, submission
from grader.store.ledger_schema import grading, source, work

_BLOCK = 500


def erase(connection: Connection, who: int) -> None:
    """Forget a person: submissions, sources and verdicts that are nobody else's, standings, tokens.

    Who was first to pass after them is first now. In the log stays that something was done, and not by whom.
    """
    led = list(connection.scalars(select(first_pass.c.exercise).where(first_pass.c.person == who)))
    keys = list(connection.scalars(select(submission.c.grading).where(submission.c.person == who)))
    for table in (first_pass, standing, override, named_mistake, submission):
        connection.execute(delete(table).where(table.c.person == who))
    _drop_gradings(connection, keys)
    people.drop_tokens(connection, who)
    people.drop_invitations(connection, who)
    connection.execute(update(act).where(act.c.person == who).values(person=None, about=""))
    connection.execute(delete(person).where(person.c.id == who))
    for exercise in led:
        _next_first(connection, exercise)


def _drop_gradings(connection: Connection, keys: list[str]) -> None:
    """Those of `keys` that nobody handed in any more, and the texts that nothing refers to then."""
    kept = or_(
        select(submission.c.id).where(submission.c.grading == grading.c.key).exists(),
        select(work.c.id).where(work.c.grading == grading.c.key).exists(),
    )
    for start in range(0, len(keys), _BLOCK):
        block = grading.c.key.in_(keys[start : start + _BLOCK])
        rows = connection.execute(
            select(grading.c.key, grading.c.source_sha256, grading.c.uses).where(block, ~kept)
        ).all()
        connection.execute(delete(grading).where(block, ~kept))
        for sha in {row.source_sha256 for row in rows} | {sha for row in rows for sha in json.loads(row.uses).values()}:
            used = select(grading.c.key).where(
                or_(grading.c.source_sha256 == sha, grading.c.uses.contains(sha, autoescape=True))
            )
            if connection.scalar(used.limit(1)) is None:
                connection.execute(delete(source).where(source.c.sha256 == sha))


def _next_first(connection: Connection, exercise: str) -> None:
    row = connection.execute(
        select(submission.c.id, submission.c.person)
        .join(grading, submission.c.grading == grading.c.key)
        .where(submission.c.exercise == exercise, submission.c.counted.is_(True), grading.c.status == "passed")
        .order_by(submission.c.id)
        .limit(1)
    ).first()
    if row is not None:
        connection.execute(insert(first_pass).values(exercise=exercise, person=row.person, submission=row.id))
        standings.sum_up(connection, row.person)

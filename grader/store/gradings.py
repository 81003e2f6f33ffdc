"""Gradings, once each under their keys: the part that a batch's ledger and a class share. On a connection handed in.

Begins and ends no transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from grader.model import Verdict
from grader.store.ledger_schema import grading, source
from grader.store.queries import packed, text_hash, unpacked_source

# SQLite and PostgreSQL both take far more values in one query.
_BLOCK = 500


@dataclass(frozen=True)
class Task:
    """One thing to grade. `uses` holds the earlier solutions it imports, by id; `needs` the keys of their gradings."""

    key: str
    exercise: str
    source: str
    suite_sha256: str
    uses: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    depth: int = 0


def add(connection: Connection, tasks: Iterable[Task]) -> None:
    """Take in what is not known yet, each with its texts."""
    waiting = {task.key: task for task in tasks}
    keys = list(waiting)
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        known = set(connection.scalars(select(grading.c.key).where(grading.c.key.in_(block))))
        _insert(connection, [waiting[key] for key in block if key not in known])


def _insert(connection: Connection, tasks: Sequence[Task]) -> None:
    texts = {text_hash(text): text for task in tasks for text in (task.source, *task.uses.values())}
    hashes = list(texts)
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK]
        known = set(connection.scalars(select(source.c.sha256).where(source.c.sha256.in_(block))))
        new = [{"sha256": sha, "body": packed(texts[sha], None).text} for sha in block if sha not in known]
        if new:
            connection.execute(insert(source), new)
    rows = [
        {
            "key": task.key,
            "exercise": task.exercise,
            "source_sha256": text_hash(task.source),
            "uses": json.dumps({id: text_hash(text) for id, text in task.uses.items()}, sort_keys=True),
            "needs": json.dumps(sorted(task.needs)),
            "depth": task.depth,
            "suite_sha256": task.suite_sha256,
            "tries": 0,
            "trouble": "",
        }
        for task in tasks
    ]
    if rows:
        connection.execute(insert(grading), rows)


def read(connection: Connection, key: str) -> Task:
    """What is to be graded under `key`."""
    g = grading.c
    row = connection.execute(
        select(g.exercise, g.source_sha256, g.suite_sha256, g.uses, g.needs, g.depth).where(g.key == key)
    ).one()
    uses = {id: text(connection, sha) for id, sha in json.loads(row.uses).items()}
    own = text(connection, row.source_sha256)
    return Task(key, row.exercise, own, row.suite_sha256, uses, tuple(json.loads(row.needs)), row.depth)


def text(connection: Connection, sha256: str) -> str:
    """The text with this hash. ValueError where it is damaged."""
    body = connection.scalar(select(source.c.body).where(source.c.sha256 == sha256))
    return unpacked_source(body or b"", sha256)


def record(connection: Connection, key: str, verdict: Verdict, worker: str) -> bool:
    """Record what came of a grading. False, and nothing changed, where it has a verdict already."""
    done = connection.execute(
        update(grading)
        .where(grading.c.key == key, grading.c.status.is_(None))
        .values(
            status=verdict.status,
            score=verdict.score,
            duration_s=verdict.duration_s,
            finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            worker=worker,
            failing=_unnamed(verdict),
            verdict=packed("", verdict).verdict,
            trouble="",
            tries=grading.c.tries + 1,
        )
    )
    return done.rowcount == 1


def trouble(connection: Connection, key: str, message: str) -> None:
    """Note that a grading could not be done, and why. It goes on waiting."""
    connection.execute(update(grading).where(grading.c.key == key).values(trouble=message, tries=grading.c.tries + 1))


def _unnamed(verdict: Verdict) -> str | None:
    """Which checks failed, where no mistake was named."""
    if verdict.status != "failed" or any(check.diagnosis for check in verdict.checks):
        return None
    return text_hash(" ".join(check.id for check in verdict.checks if check.failing))

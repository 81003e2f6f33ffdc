"""A durable ledger of gradings: what was handed in, by whom, and what came of each. SQLite, or any SQLAlchemy URL.

One grading a key: what two students hand in word for word is graded once. A verdict that was recorded stays: recording another
under the same key changes nothing. Whoever opens a ledger is its only writer, by a lock that the operating system, or the
PostgreSQL server, releases when its holder dies. Grades nothing, and knows nothing of folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from grader.errors import StoreError
from grader.model import Verdict
from grader.store import ledger_schema as tables
from grader.store.queries import packed, text_hash, unpacked_source, unpacked_verdict

_BLOCK = 500


@dataclass(frozen=True)
class Work:
    """Something one student handed in for one exercise. `place` says where it was found, `at` when it was written (Unix time).

    `key` names its grading; None where it was refused, and then `note` says why.
    """

    student: str
    exercise: str
    place: str
    at: float = 0.0
    key: str | None = None
    note: str = ""


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


@dataclass(frozen=True)
class Result:
    """One student's work with what came of it.

    `verdict` is None where it was refused (`note` says why) or not graded (`trouble` says why). `answers` is the same for
    failures of one exercise that nothing was said about and that gave the same answers to the same questions; None else.
    """

    work: Work
    verdict: Verdict | None
    source: str
    trouble: str = ""
    answers: str | None = None


class Ledger:
    """An open ledger. For one thread; each method is one transaction, on the disk before it returns.

    Every method raises StoreError where the database cannot be read or written.
    """

    def __init__(self, engine: Engine, name: str, close: Any) -> None:
        """For `open_ledger` only. `close` closes the connections and lets go of the lock."""
        self.name = name
        self._engine = engine
        self._close = close
        self._run = 0

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and let another program have it."""
        self._close()

    # -- what is to be graded --------------------------------------------------------------------------------------

    def begin(self, course: str, works: Iterable[Work], tasks: Iterable[Task]) -> None:
        """Take in what a run found; what is known already is only marked as seen. StoreError where it is another course's."""
        with self._transaction() as connection:
            rows = connection.execute(select(tables.ledger.c.name, tables.ledger.c.value))
            values = {row.name: row.value for row in rows}
            if values.get("course", course) != course:
                raise StoreError(
                    f"{self.name}: this ledger belongs to the course {values['course']}, not to {course}.",
                    "Name another --output, or another --ledger.",
                )
            self._run = run = int(values.get("run", "0")) + 1
            for name, value in (("course", course), ("run", str(run))):
                if name in values:
                    connection.execute(update(tables.ledger).where(tables.ledger.c.name == name).values(value=value))
                else:
                    connection.execute(insert(tables.ledger).values(name=name, value=value))
            self._add_tasks(connection, tasks)
            self._add_works(connection, works, run)

    def _add_tasks(self, connection: Connection, tasks: Iterable[Task]) -> None:
        known = set(connection.scalars(select(tables.grading.c.key)))
        texts = set(connection.scalars(select(tables.source.c.sha256)))
        rows, bodies = [], []
        for task in tasks:
            if task.key in known:
                continue
            known.add(task.key)
            shas = {}
            for id, text in (("", task.source), *task.uses.items()):
                shas[id] = text_hash(text)
                if shas[id] not in texts:
                    texts.add(shas[id])
                    bodies.append({"sha256": shas[id], "body": packed(text, None).text})
            own = shas.pop("")
            rows.append(
                {
                    "key": task.key,
                    "exercise": task.exercise,
                    "source_sha256": own,
                    "uses": json.dumps(shas, sort_keys=True),
                    "needs": json.dumps(sorted(task.needs)),
                    "depth": task.depth,
                    "suite_sha256": task.suite_sha256,
                    "tries": 0,
                    "trouble": "",
                }
            )
        for table, values in ((tables.source, bodies), (tables.grading, rows)):
            if values:
                connection.execute(insert(table), values)

    def _add_works(self, connection: Connection, works: Iterable[Work], run: int) -> None:
        c = tables.work.c
        known = {
            tuple(row[1:]): row[0]
            for row in connection.execute(select(c.id, c.student, c.exercise, c.place, c.grading, c.note))
        }
        seen, new = [], []
        for work in works:
            number = known.get((work.student, work.exercise, work.place, work.key, work.note))
            if number is not None:
                seen.append({"number": number, "at": work.at})
                continue
            new.append(
                {
                    "student": work.student,
                    "exercise": work.exercise,
                    "place": work.place,
                    "at": work.at,
                    "grading": work.key,
                    "note": work.note,
                    "seen": run,
                }
            )
        if seen:
            connection.execute(
                update(tables.work).where(c.id == bindparam("number")).values(seen=run, at=bindparam("at")), seen
            )
        if new:
            connection.execute(insert(tables.work), new)

    def waiting(self, depth: int) -> list[str]:
        """The keys of what the last run found and is not graded yet, in the order it was found; `depth` as in `Task`."""
        g, w = tables.grading.c, tables.work.c
        query = (
            select(g.key)
            .join(tables.work, w.grading == g.key)
            .where(g.status.is_(None), g.depth == depth, w.seen == self._run)
            .group_by(g.key)
            .order_by(func.min(w.id))
        )
        with self._transaction() as connection:
            return list(connection.scalars(query))

    def depth(self) -> int:
        """The greatest depth of what the last run found; -1 where it found nothing."""
        g, w = tables.grading.c, tables.work.c
        query = select(func.max(g.depth)).join(tables.work, w.grading == g.key).where(w.seen == self._run)
        with self._transaction() as connection:
            found = connection.scalar(query)
        return -1 if found is None else int(found)

    def task(self, key: str) -> Task:
        """What is to be graded under `key`."""
        g = tables.grading.c
        with self._transaction() as connection:
            row = connection.execute(
                select(g.exercise, g.source_sha256, g.suite_sha256, g.uses, g.needs, g.depth).where(g.key == key)
            ).one()
            uses = {id: self._text(connection, sha) for id, sha in json.loads(row.uses).items()}
            source = self._text(connection, row.source_sha256)
        return Task(key, row.exercise, source, row.suite_sha256, uses, tuple(json.loads(row.needs)), row.depth)

    def statuses(self, keys: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """Of each of `keys`: its exercise, and the status of its verdict; None where it has none."""
        g = tables.grading.c
        with self._transaction() as connection:
            rows = connection.execute(select(g.key, g.exercise, g.status).where(g.key.in_(keys))).all()
        return {row.key: (row.exercise, row.status) for row in rows}

    # -- what came of it -------------------------------------------------------------------------------------------

    def record(self, key: str, verdict: Verdict, worker: str) -> bool:
        """Record what came of a grading. False, and nothing changed, where it has a verdict already."""
        body = packed("", verdict).verdict
        g = tables.grading
        with self._transaction() as connection:
            done = connection.execute(
                update(g)
                .where(g.c.key == key, g.c.status.is_(None))
                .values(
                    status=verdict.status,
                    score=verdict.score,
                    duration_s=verdict.duration_s,
                    finished_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    worker=worker,
                    failing=_unnamed(verdict),
                    verdict=body,
                    trouble="",
                    tries=g.c.tries + 1,
                )
            )
        return done.rowcount == 1

    def comparable(self) -> list[str]:
        """The keys of failures that nothing was said about, that share their failing checks with another one the last run found,
        and whose `answers` are not known yet."""
        g, w = tables.grading.c, tables.work.c
        alike = tables.grading.alias("alike")
        seen = select(w.grading).where(w.seen == self._run)
        another = (
            select(alike.c.key)
            .where(alike.c.exercise == g.exercise, alike.c.failing == g.failing, alike.c.key != g.key)
            .where(alike.c.key.in_(seen))
        )
        query = select(g.key).where(g.failing.is_not(None), g.answers.is_(None), g.key.in_(seen), another.exists())
        with self._transaction() as connection:
            return list(connection.scalars(query.order_by(g.exercise, g.failing, g.key)))

    def compared(self, key: str, answers: str) -> None:
        """Record the `answers` of a failure."""
        g = tables.grading
        with self._transaction() as connection:
            connection.execute(update(g).where(g.c.key == key).values(answers=answers))

    def trouble(self, key: str, message: str) -> None:
        """Note that a grading could not be done, and why. It goes on waiting."""
        g = tables.grading
        with self._transaction() as connection:
            connection.execute(update(g).where(g.c.key == key).values(trouble=message, tries=g.c.tries + 1))

    def results(self) -> Iterator[Result]:
        """What the last run found, by student and exercise, the earliest first. Reads a few hundred at a time."""
        w = tables.work.c
        with self._transaction() as connection:
            numbers = list(
                connection.scalars(
                    select(w.id).where(w.seen == self._run).order_by(w.student, w.exercise, w.at, w.place, w.id)
                )
            )
        for start in range(0, len(numbers), _BLOCK):
            yield from self._block(numbers[start : start + _BLOCK])

    def _block(self, numbers: Sequence[int]) -> list[Result]:
        w, g, s = tables.work.c, tables.grading.c, tables.source.c
        query = (
            select(
                w.id, w.student, w.exercise, w.place, w.at, w.grading, w.note,
                g.trouble, g.answers, g.verdict, s.sha256, s.body,
            )
            .outerjoin(tables.grading, w.grading == g.key)
            .outerjoin(tables.source, g.source_sha256 == s.sha256)
            .where(w.id.in_(numbers))
        )  # fmt: skip
        with self._transaction() as connection:
            found = {row.id: row for row in connection.execute(query)}
        return [self._result(found[number]) for number in numbers]

    def _result(self, row: Any) -> Result:
        work = Work(row.student, row.exercise, row.place, row.at, row.grading, row.note)
        try:
            verdict = None if row.verdict is None else unpacked_verdict(row.verdict)
            source = "" if row.body is None else unpacked_source(row.body, row.sha256)
        except ValueError as error:
            raise StoreError(
                f"{self.name}: the grading of {work.place} cannot be read: {error}.", "Grade into another --output."
            ) from error
        return Result(work, verdict, source, row.trouble or "", row.answers)

    # -- within ----------------------------------------------------------------------------------------------------

    def _text(self, connection: Connection, sha256: str) -> str:
        body = connection.scalar(select(tables.source.c.body).where(tables.source.c.sha256 == sha256))
        return unpacked_source(body or b"", sha256)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
        except SQLAlchemyError as error:
            raise unusable(self.name, error) from error


def _unnamed(verdict: Verdict) -> str | None:
    """Which checks failed, where no mistake was named."""
    if verdict.status != "failed" or any(check.diagnosis for check in verdict.checks):
        return None
    return text_hash(" ".join(check.id for check in verdict.checks if check.failing))


def unusable(name: str, error: Exception) -> StoreError:
    """The error for a ledger that cannot be read or written."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    return StoreError(
        f"{name}: the ledger cannot be used: {reason[0] if reason else type(error).__name__}.",
        "What was recorded is kept. See that the database is there and has room; the same command then goes on.",
    )

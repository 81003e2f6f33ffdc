"""A durable ledger of gradings: what was handed in, by whom, and what came of each. SQLite, or any SQLAlchemy URL.

One grading a key: what two students hand in word for word is graded once. A verdict that was recorded stays: recording another
under the same key changes nothing. Whoever opens a ledger is its only writer, by a lock that the operating system, or the
PostgreSQL server, releases when its holder dies. Grades nothing, and knows nothing of folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from grader.errors import StoreError
from grader.model import Verdict
from grader.store import gradings
from grader.store import ledger_schema as tables
from grader.store.gradings import Task
from grader.store.queries import unpacked_source, unpacked_verdict
from grader.store.sole import Sole, transaction

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

    def __init__(self, database: Sole) -> None:
        """For `open_ledger` only."""
        self.name = database.name
        self._database = database
        self._run = 0

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and let another program have it."""
        self._database.close()

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
            gradings.add(connection, tasks)
            self._add_works(connection, works, run)

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
        with self._transaction() as connection:
            return gradings.read(connection, key)

    def statuses(self, keys: Sequence[str]) -> dict[str, tuple[str, str | None]]:
        """Of each of `keys`: its exercise, and the status of its verdict; None where it has none."""
        g = tables.grading.c
        with self._transaction() as connection:
            rows = connection.execute(select(g.key, g.exercise, g.status).where(g.key.in_(keys))).all()
        return {row.key: (row.exercise, row.status) for row in rows}

    # -- what came of it -------------------------------------------------------------------------------------------

    def record(self, key: str, verdict: Verdict, worker: str) -> bool:
        """Record what came of a grading. False, and nothing changed, where it has a verdict already."""
        with self._transaction() as connection:
            return gradings.record(connection, key, verdict, worker)

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
        with self._transaction() as connection:
            gradings.trouble(connection, key, message)

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

    def _transaction(self) -> AbstractContextManager[Connection]:
        return transaction(self._database)

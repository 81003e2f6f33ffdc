"""The progress database as the rest of the program sees it: `Store`. `opening` opens one; the SQL is in `queries`."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from grader.errors import StoreError, UsageError
from grader.model import Attempt, Progress
from grader.store import queries, reviews
from grader.store.failures import damaged, translated
from grader.store.reviews import OpenReview, Reviewed

if TYPE_CHECKING:
    from grader.model import Verdict

LOST = "The damaged database was kept beside it when it was repaired; the attempt itself, and a pass, still count."


class Store:
    """One open progress database. Safe to share between threads; each method is one transaction.

    Every method raises StoreError where the database cannot be read or written. Before a method that writes
    returns, what it wrote has reached the disk.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        raw: sqlite3.Connection,
        read_only: bool,
        notices: tuple[str, ...],
        busy_seconds: float,
        aliases: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        """For `open_store` only.

        Attributes:
            path: the database's file.
            read_only: whether every method that writes raises StoreError; `notices` says why.
            notices: what the learner should know about how the database was opened, in plain sentences.
        """
        self.path = path
        self.read_only = read_only
        self.notices = notices
        self._engine = engine
        self._raw = raw
        self._busy_seconds = busy_seconds
        self._aliases = dict(aliases)
        self._clock = clock
        self._lock = threading.RLock()
        self._file = _identity(path)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. The store cannot be used afterwards. May be called twice."""
        with self._lock:
            self._engine.dispose()
            self._raw.close()

    def record(self, exercise: str, source: str, verdict: Verdict, *, kind: str = "save") -> Attempt | None:
        """Append a graded save. None, and nothing recorded, where `verdict` is ungraded, or where the last graded
        attempt at `exercise` had the same source under the same suite."""
        if verdict.status == queries.KEPT:
            return None
        names = self._names(exercise)
        content = queries.packed(source, verdict)
        with self._writing() as connection:
            last = queries.newest(connection, names, graded=True)
            if last and (last[0].source_sha256, last[1]) == (content.sha256, verdict.suite_sha256):
                return None
            return queries.add_attempt(connection, names, self._now(), kind, verdict, content)

    def keep(self, exercise: str, source: str, kind: str = "kept") -> Attempt:
        """Keep a copy of what a learner wrote before their file is replaced, as an attempt with the status "ungraded".

        Where the newest attempt at `exercise` holds this very text already, that attempt is returned.
        """
        names = self._names(exercise)
        content = queries.packed(source, None)
        review = kind in queries.REVIEWS
        with self._writing() as connection:
            last = queries.newest(connection, names, graded=False, review=review)
            if last and last[0].source_sha256 == content.sha256:
                return last[0]
            return queries.add_attempt(connection, names, self._now(), kind, None, content)

    def attempts(self, exercise: str | None = None, limit: int | None = None, after: int = 0) -> list[Attempt]:
        """The newest `limit` attempts, kept copies included, with a sequence above `after`; the newest last."""
        names = None if exercise is None else self._names(exercise)
        with self._reading() as connection:
            return queries.attempts(connection, names, limit, after)

    def attempt(self, sequence: int) -> Attempt:
        """The attempt with this number. UsageError where there is none."""
        with self._reading() as connection:
            found = queries.attempt_at(connection, sequence)
        if found is None:
            raise UsageError(f"There is no attempt number {sequence}.", "`gradlings history` lists them.")
        return found

    def source(self, sha256: str) -> str:
        """The text with this hash (see `Attempt.source_sha256`). UsageError where it was never recorded."""
        with self._reading() as connection:
            body = queries.source_body(connection, sha256)
            if body is None and not queries.is_known(connection, sha256):
                raise UsageError(
                    f"No text with the hash {sha256} is in the history.", "`gradlings history` lists what is."
                )
        if body is None:
            raise StoreError(f"{self.path}: the text {sha256[:12]} was lost when the database was damaged.", LOST)
        try:
            return queries.unpacked_source(body, sha256)
        except ValueError as error:
            raise damaged(self.path, f"the text {sha256[:12]} cannot be read: {error}") from error

    def verdict(self, sequence: int) -> Verdict:
        """The whole verdict of an attempt. UsageError where there is no such attempt or it was kept, not graded."""
        with self._reading() as connection:
            body = queries.verdict_body(connection, sequence)
        if body is not None:
            return self._unpacked(body, sequence)
        kept = self.attempt(sequence)
        if kept.status != queries.KEPT:
            raise StoreError(
                f"{self.path}: the verdict of attempt {sequence} was lost when the database was damaged.", LOST
            )
        raise UsageError(
            f"Attempt {sequence} ({kept.exercise}) has no verdict: it was kept before its file was replaced, not graded.",
            "`gradlings restore` brings it back; saving grades it.",
        )

    def last_verdict(self, exercise: str) -> Verdict | None:
        """The verdict of the newest graded attempt at `exercise` itself, not at a review of it, if there is one."""
        with self._reading() as connection:
            last = queries.newest(connection, self._names(exercise), graded=True)
            body = queries.verdict_body(connection, last[0].sequence) if last else None
        return self._unpacked(body, last[0].sequence) if last and body is not None else None

    def progress(self, aliases: Mapping[str, str] | None = None) -> dict[str, Progress]:
        """What is known of every exercise that was tried or whose hints or solution were opened; by id.

        `aliases` (old id -> new id) takes the place of those given to `open_store`. `attempts` counts graded ones.
        `passed_version` is the newest suite version passed, `passed_at` the time of the first pass of any version,
        `assisted` whether every pass came after the solution was opened. Reviews count for nothing in it.
        """
        with self._reading() as connection:
            return queries.progress(connection, self._aliases if aliases is None else aliases)

    def take_hint(self, exercise: str, number: int) -> None:
        """Note that hint `number` (from 1) was shown. Noting it again changes nothing."""
        with self._writing() as connection:
            queries.add_hint(connection, exercise, number, self._now())

    def hints_taken(self, exercise: str) -> int:
        """How many different hints of `exercise` were shown."""
        with self._reading() as connection:
            return queries.count_hints(connection, self._names(exercise))

    def open_solution(self, exercise: str) -> None:
        """Note that the worked solution was shown; a first pass that comes later is "assisted"."""
        with self._writing() as connection:
            queries.add_opened(connection, exercise, self._now())

    def solution_opened(self, exercise: str) -> bool:
        """Whether the worked solution was ever shown."""
        with self._reading() as connection:
            return queries.is_opened(connection, self._names(exercise))

    def record_review(
        self, exercise: str, source: str, verdict: Verdict, ending: tuple[int, str] | None = None
    ) -> Attempt | None:
        """Append a graded save of a review; it changes nothing of what `progress` tells.

        `ending` ends the review that is under way, in the same transaction: its rating (1 to 4) and the card that it
        leaves. None is returned, and nothing recorded, where `verdict` is ungraded, or where it ends nothing and repeats
        the source and the suite that this review had graded last.
        """
        if verdict.status == queries.KEPT:
            return None
        names = self._names(exercise)
        content = queries.packed(source, verdict)
        with self._writing() as connection:
            going = reviews.open_review(connection, names)
            after = going.after if going else 0
            last = queries.newest(connection, names, graded=True, review=True, after=after)
            ends = going is not None and ending is not None
            if not ends and last and (last[0].source_sha256, last[1]) == (content.sha256, verdict.suite_sha256):
                return None
            at = self._now()
            attempt = queries.add_attempt(connection, names, at, queries.REVIEW, verdict, content)
            if going and ending:
                reviews.add_rating(connection, exercise, at, *ending, attempt.sequence)
            return attempt

    def begin_review(self, exercise: str) -> None:
        """Note that a review was begun; nothing where one is under way."""
        with self._writing() as connection:
            if reviews.open_review(connection, self._names(exercise)) is None:
                reviews.add_step(connection, exercise, self._now(), reviews.BEGUN)

    def help_review(self, exercise: str, what: str) -> None:
        """Note that help was opened (`what` is "hint" or "solution") in the review under way; nothing without one."""
        names = self._names(exercise)
        with self._reading() as connection:
            going = reviews.open_review(connection, names)
        if going and not going.helped:
            with self._writing() as connection:
                reviews.add_step(connection, exercise, self._now(), what)

    def end_review(self, exercise: str, rating: int, card: str) -> bool:
        """End the review under way with a rating (1 to 4) and without an attempt; False where none is."""
        with self._writing() as connection:
            going = reviews.open_review(connection, self._names(exercise))
            if going:
                reviews.add_rating(connection, exercise, self._now(), rating, card, None)
        return going is not None

    def open_review(self, exercise: str) -> OpenReview | None:
        """The review of `exercise` that is under way."""
        with self._reading() as connection:
            return reviews.open_review(connection, self._names(exercise))

    def reviewed(self) -> dict[str, Reviewed]:
        """What there is on the reviews of every exercise that was passed; by id."""
        with self._reading() as connection:
            return reviews.reviewed(connection, self._aliases)

    def setting(self, key: str) -> str | None:
        """The value last set for `key`, if any."""
        with self._reading() as connection:
            return queries.get_setting(connection, key)

    def set_setting(self, key: str, value: str) -> None:
        """Set `key` to `value`."""
        with self._writing() as connection:
            queries.put_setting(connection, key, value)

    def changes(self) -> int:
        """A number that differs from that of an earlier call where another program has written in between. Cheap."""
        with self._lock, translated(self.path, self._busy_seconds):
            return int(self._raw.execute("PRAGMA data_version").fetchone()[0])

    def _names(self, exercise: str) -> tuple[str, ...]:
        return queries.names_of(exercise, self._aliases)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")

    def _unpacked(self, body: bytes, sequence: int) -> Verdict:
        try:
            return queries.unpacked_verdict(body)
        except ValueError as error:
            raise damaged(self.path, f"the verdict of attempt {sequence} cannot be read: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._lock, translated(self.path, self._busy_seconds), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if self.read_only:
            raise StoreError(f"{self.path}: nothing can be recorded.", " ".join(self.notices))
        with self._lock, translated(self.path, self._busy_seconds):
            self._still_there()
            with self._engine.begin() as connection:
                # At once, not at the first write: a reader that becomes a writer cannot wait for another writer.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection

    def _still_there(self) -> None:
        # SQLite would go on writing to a file that was deleted or replaced, and what was shown would be lost.
        if _identity(self.path) != self._file:
            raise StoreError(
                f"{self.path}: the progress database was moved, deleted or replaced while in use. Nothing was recorded.",
                "Put the file back if that was not meant, then start gradlings again.",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino

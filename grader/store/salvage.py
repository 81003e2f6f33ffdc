"""Damaged databases: find the damage, save what can be read, keep the damaged file. Never run unasked.

Reads only copies, so that the damaged file stays as it was found. Rows are read from the front, from the back and then
one by one by number, because a broken page hides its neighbours from a scan but not from a look-up.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grader.errors import StoreError
from grader.store import connection as sqlite
from grader.store.failures import UPGRADE, explained
from grader.store.opening import MIGRATIONS, open_store, utc_now
from grader.store.queries import unpacked_source, unpacked_verdict
from grader.store.reviews import is_sound
from grader.store.schema import HEAD

Row = dict[str, Any]

# In the order in which rows refer to each other.
TABLES = ("source", "attempt", "verdict", "hint", "solution_opened", "setting", "review")
# Rows are numbered from 1 without gaps, so this many misses in a row past the last one found mean that there are no more.
_MISSES = 1000
_BUSY_SECONDS = 0.5
# What reading a damaged database raises: SQLite's own errors, and Python's where a name is no text any more.
_UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
# Where SQLite keeps its locks in every database file: PENDING_BYTE in its os.h, and the 511 bytes after it.
_LOCK_OFFSET = 0x40000000
_LOCK_BYTES = 512


@dataclass(frozen=True)
class Salvage:
    """What was saved. `kept` is the damaged database under its new name; the counts are rows of the new one.

    `without_source` and `without_verdict` count the attempts that were saved but whose text or verdict was lost.
    """

    kept: Path
    attempts: int
    sources: int
    verdicts: int
    without_source: int
    without_verdict: int


def examine(path: Path) -> tuple[str, ...]:
    """What is wrong with the database at `path`, in plain sentences; empty where nothing is. Reads all of it.

    What an earlier repair could not save is no damage any more: `Store.source` and `Store.verdict` say so when asked.
    Raises StoreError where there is no database or it cannot be opened for another reason than damage.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no progress database here.", "`gradlings init` makes a workspace with one.")
    if sqlite.was_emptied(path):
        return (sqlite.EMPTIED,)
    found: list[str] = []
    try:
        with closing(sqlite.connect_read_only(path, _BUSY_SECONDS)) as connection:
            sqlite.stored_revision(connection, path)
            lines = (str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)"))
            found.extend(f"SQLite: {line}" for line in lines if line != "ok")
            found.extend(_bad_rows(connection))
    except _UNREADABLE as error:
        if isinstance(error, sqlite3.Error) and not _is_damage(error):
            raise explained(path, error, _BUSY_SECONDS) from error
        found.append(f"SQLite: {error}")
    return tuple(found)


def salvage(path: Path, *, clock: Callable[[], datetime] = utc_now) -> Salvage:
    """Copy what can be read of the damaged database at `path` into a new one in its place; keep the damaged file.

    No store may be open on `path`. Raises StoreError where another program uses the database, where there is
    nothing to read, or where the folder cannot be written to; then nothing has changed.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no progress database to repair.", "`gradlings init` makes a new one.")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-repair-", dir=path.parent) as folder:
            copy, fresh = Path(folder) / "damaged.db", Path(folder) / "new.db"
            sqlite.copy_files(path, copy)
            _refuse_if_used(path)
            kept = _free_name(path, clock)
            with _kept(copy, kept):
                counts = _rebuilt(copy, fresh, path)
                for suffix in sqlite.COMPANIONS:
                    # SQLite would replay the old journal into the new database.
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                fresh.replace(path)
                _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: the repair could not be done: {error}. The database was left as it was.",
            f"See that {path.parent} can be written to and that its disk has room for twice the database.",
        ) from error
    return Salvage(kept, *counts)


def _is_damage(error: sqlite3.Error) -> bool:
    # SQLite calls a damaged schema a plain error, and text that is no text is Python's complaint, without a code.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _bad_rows(connection: sqlite3.Connection) -> Iterator[str]:
    """Rows that SQLite finds in order but that are not what was written."""
    for table in ("source", "verdict", "review"):
        found = _rows(connection, table)
        bad = sum(not _sound(table, row) for row in found)
        if bad:
            yield f"{bad} of {len(found)} rows of the table {table} cannot be read."


def _refuse_if_used(path: Path) -> None:
    """A watch that is running would go on writing to the file that is moved away."""
    # The lock itself and not SQLite, which would bring the journal into the file when it lets go. Windows needs neither:
    # there an open file cannot be replaced.
    if os.name != "posix":
        return
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_OFFSET)
        except BlockingIOError as error:
            raise StoreError(
                f"{path}: another program is using the progress database, so it was not repaired.",
                "Close the other program (another gradlings, a backup, a database viewer), then do this again.",
            ) from error


def _free_name(path: Path, clock: Callable[[], datetime]) -> Path:
    stem = f"{path.name}.damaged-{clock().astimezone(UTC):%Y%m%d-%H%M%S}"
    names = (path.with_name(stem + (f"-{n}" if n else "")) for n in range(10_000))
    return next(name for name in names if not name.exists())


@contextmanager
def _kept(copy: Path, kept: Path) -> Iterator[None]:
    """Keep the damaged files under a new name; take them back where the repair fails."""
    try:
        sqlite.copy_files(copy, kept)
        _sync_folder(kept.parent)
        yield
    except BaseException:
        for suffix in ("", *sqlite.COMPANIONS):
            kept.with_name(kept.name + suffix).unlink(missing_ok=True)
        raise


def _rebuilt(copy: Path, fresh: Path, path: Path) -> tuple[int, int, int, int, int]:
    """Fill a new database at `fresh` with the sound rows of `copy`; the counts of `Salvage`."""
    try:
        with closing(sqlite.connect(copy, _BUSY_SECONDS)) as damaged:
            # Otherwise SQLite refuses a file that is shorter than it ought to be, whole pages and all.
            damaged.execute("PRAGMA writable_schema=ON")
            revision = _revision(damaged, path)
            rows = {table: [row for row in _rows(damaged, table) if _sound(table, row)] for table in TABLES}
    except _UNREADABLE as error:
        raise _nothing(path, str(error)) from error
    if not any(rows.values()):
        raise _nothing(path, "no table holds a readable row")
    attempts = {row["sequence"]: row for row in rows["attempt"]}
    rows["verdict"] = [row for row in rows["verdict"] if row["sequence"] in attempts]
    open_store(fresh, wal=False, head=revision).close()
    with closing(sqlite.connect(fresh, _BUSY_SECONDS)) as new:
        # An attempt whose text is lost is still an attempt, and may be a pass.
        new.execute("PRAGMA foreign_keys=OFF")
        new.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            _insert(new, table, rows[table])
        new.execute("COMMIT")
    open_store(fresh, wal=False).close()
    texts = {row["sha256"] for row in rows["source"]}
    graded = {sequence for sequence, row in attempts.items() if row["status"] != "ungraded"}
    return (
        len(attempts),
        len(texts),
        len(rows["verdict"]),
        sum(row["source_sha256"] not in texts for row in attempts.values()),
        len(graded - {row["sequence"] for row in rows["verdict"]}),
    )


def _nothing(path: Path, why: str) -> StoreError:
    return StoreError(
        f"{path}: nothing can be read of this database ({why}). It was left as it was.",
        "Bring it back from a backup, or move it elsewhere to begin anew; the files you wrote are not in it but in exercises/.",
    )


def _revision(damaged: sqlite3.Connection, path: Path) -> str:
    try:
        revision = sqlite.stored_revision(damaged, path) or HEAD
    except (sqlite3.Error, StoreError):
        # The page that says so is among the damaged ones, or this is no database of ours; the rows will tell.
        return HEAD
    from grader.store import migrate  # loads Alembic

    if not migrate.knows(MIGRATIONS, revision):
        raise StoreError(f"{path}: this database was written by a newer gradlings, which can repair it.", UPGRADE)
    return revision


def _rows(connection: sqlite3.Connection, table: str) -> list[Row]:
    """Every row of `table` that can be read, in the order of its row numbers."""
    found: dict[int, Row] = {}
    for order in ("ASC", "DESC"):
        try:
            for number, row in _fetched(connection, f"SELECT rowid, * FROM {table} NOT INDEXED ORDER BY rowid {order}"):
                found[number] = row
        except _UNREADABLE:
            continue
        return [found[number] for number in sorted(found)]
    number, misses = 0, 0
    while misses < _MISSES or number < max(found, default=0):
        number += 1
        misses = 0 if number in found or _look_up(connection, table, number, found) else misses + 1
    return [found[number] for number in sorted(found)]


def _look_up(connection: sqlite3.Connection, table: str, number: int, found: dict[int, Row]) -> bool:
    try:
        found.update(_fetched(connection, f"SELECT rowid, * FROM {table} NOT INDEXED WHERE rowid = {number}"))
    except _UNREADABLE:
        return False
    return number in found


def _fetched(connection: sqlite3.Connection, query: str) -> Iterator[tuple[int, Row]]:
    cursor = connection.execute(query)
    # The row number comes first, and under the key's own name where the key is the row number.
    names = [column[0] for column in cursor.description][1:]
    for row in cursor:
        yield row[0], dict(zip(names, row[1:], strict=True))


def _sound(table: str, row: Row) -> bool:
    """Whether a row is what was written, as far as it shows."""
    try:
        if table == "source":
            unpacked_source(row["body"], row["sha256"])
        elif table == "verdict":
            unpacked_verdict(row["body"])
        elif table == "attempt":
            datetime.fromisoformat(row["at"])
            return 0.0 <= row["score"] <= 1.0 and "/" in row["exercise"] and len(row["source_sha256"]) == 64
        elif table == "review":
            return is_sound(row)
        return None not in row.values()
    except (ValueError, TypeError, KeyError):
        return False


def _insert(new: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    for row in rows:
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
        new.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def _sync_folder(folder: Path) -> None:
    # The names are on the disk before the next step; Windows opens no folders, and writes them by itself.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

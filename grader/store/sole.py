"""Opens a database whose opener is its only one: a SQLite file or any SQLAlchemy URL, with the lock that keeps others out.

The lock is released by the operating system, or by the PostgreSQL server, when its holder dies. Migrations run inside one
transaction. What is in the database is for those who open it by this page: a ledger, a class.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from grader.course.lock import acquire
from grader.errors import StoreError, UsageError
from grader.filesystem import shared_kind
from grader.store import connection as sqlite

BUSY_SECONDS = 10.0
# A server takes a moment to notice that the program before us was killed.
LOCK_SECONDS = 10.0
_RETRY_SECONDS = 0.1
# "gradlings ledger", for pg_try_advisory_lock.
_ADVISORY = 0x67726164_6C656467


@dataclass(frozen=True)
class Branch:
    """A line of migrations: their folder, the newest, the table that holds the stored one, the tables they make."""

    folder: Path
    head: str
    version_table: str
    tables: frozenset[str]


@dataclass(frozen=True)
class Sole:
    """An open database. `name` is how a person knows it; `close` closes it and lets go of the lock."""

    engine: Engine
    name: str
    close: Callable[[], None]


def open_sole(place: Path | str, branches: tuple[Branch, ...], *, threads: int = 1) -> Sole:
    """Open the database at `place` for `threads` at once, made where there is none and migrated where it is older.

    Raises UsageError where another program has it, or the URL is none; StoreError where it cannot be had.
    """
    url = _url(place)
    name = url.database or "memory" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    try:
        engine, close = _sqlite(url, threads) if url.get_backend_name() == "sqlite" else _server(url, name, threads)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise unusable(name, error) from error
    try:
        for branch in branches:
            _migrate(engine, name, branch)
    except BaseException as error:
        close()
        if isinstance(error, SQLAlchemyError | sqlite3.Error):
            raise unusable(name, error) from error
        raise
    return Sole(engine, name, close)


@contextmanager
def transaction(database: Sole) -> Iterator[Connection]:
    """A transaction of its own, on the disk when it ends; StoreError where the database cannot be read or written."""
    try:
        with database.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
    except SQLAlchemyError as error:
        raise unusable(database.name, error) from error


def copy_to(database: Sole, target: Path) -> None:
    """Copy a SQLite database, as it is at one instant, into a new file while it is in use.

    Raises UsageError where it is no SQLite, StoreError where it cannot be copied.
    """
    if database.engine.dialect.name != "sqlite":
        raise UsageError(
            f"{database.name} is not a SQLite file.", "Copy it with the tools of its own, such as pg_dump."
        )
    try:
        with database.engine.connect() as connection:
            # No transaction is open: the driver begins none by itself.
            connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    except SQLAlchemyError as error:
        raise unusable(database.name, error) from error


def unusable(name: str, error: Exception) -> StoreError:
    """The error for a database that cannot be read or written."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    return StoreError(
        f"{name}: the database cannot be used: {reason[0] if reason else type(error).__name__}.",
        "What was recorded is kept. See that the database is there and has room; the same command then goes on.",
    )


def _url(place: Path | str) -> URL:
    if isinstance(place, Path):
        return URL.create("sqlite", database=str(place.absolute()))
    try:
        url = make_url(place)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError):
        raise UsageError(
            "That address is no database URL that SQLAlchemy knows.",
            "Write it as sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE.",
        ) from None
    except ImportError as error:
        raise UsageError(
            f"That database needs a driver that is not installed: {error}.",
            "For PostgreSQL: pip install 'gradlings[postgresql]'.",
        ) from None
    if url.get_backend_name() == "sqlite" and not url.database:
        raise UsageError("A database in memory would be lost.", "Name a file: sqlite:///FILE.")
    return url


def _sqlite(url: URL, threads: int) -> tuple[Engine, Callable[[], None]]:
    path = Path(str(url.database)).absolute()
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for the database.", "Make it, or name another file.")
    lock = acquire(path.with_name(path.name + ".lock"))
    if lock is None:
        raise _taken(str(path))
    trusted = shared_kind(path) is None

    def connect() -> sqlite3.Connection:
        raw = sqlite.connect(path, BUSY_SECONDS)
        try:
            # How it is synced is each connection's own.
            sqlite.set_journal(raw, trusted, BUSY_SECONDS)
            # What is erased is overwritten, not left in a free page.
            raw.execute("PRAGMA secure_delete=ON")
        except BaseException:
            raw.close()
            raise
        return raw

    engine: Engine | None = None
    try:
        # One thread keeps one connection for the life of the database.
        pool: dict[str, Any] = {"poolclass": StaticPool}
        if threads > 1:
            pool = {"poolclass": QueuePool, "pool_size": threads, "max_overflow": threads}
        engine = create_engine("sqlite://", creator=connect, **pool)
        engine.connect().close()
    except BaseException:
        if engine is not None:
            engine.dispose()
        lock.release()
        raise
    opened = engine

    def close() -> None:
        opened.dispose()
        lock.release()

    return engine, close


def _server(url: URL, name: str, threads: int) -> tuple[Engine, Callable[[], None]]:
    engine = create_engine(url, pool_pre_ping=True, pool_size=threads, max_overflow=threads)
    if engine.dialect.name != "postgresql":
        return engine, engine.dispose
    # A connection of its own, which holds the lock as long as this program lives.
    holder = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        end = time.monotonic() + LOCK_SECONDS
        while not holder.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY}):
            if time.monotonic() > end:
                raise _taken(name)
            time.sleep(_RETRY_SECONDS)
    except BaseException:
        holder.close()
        engine.dispose()
        raise

    def close() -> None:
        with contextlib.suppress(SQLAlchemyError):
            holder.scalar(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY})
        holder.close()
        engine.dispose()

    return engine, close


def _taken(name: str) -> UsageError:
    return UsageError(
        f"{name}: another gradlings is grading into this database.", "Wait for it to end, or name another database."
    )


def _migrate(engine: Engine, name: str, branch: Branch) -> None:
    found = set(inspect(engine).get_table_names())
    stored: Any = None
    if branch.version_table in found:
        with engine.connect() as connection:
            stored = connection.scalar(text(f"SELECT version_num FROM {branch.version_table}"))
    elif found & branch.tables:
        raise StoreError(
            f"{name}: this database is not gradlings' own, and has tables of the same names. It was left as it is.",
            "Name another database.",
        )
    if stored == branch.head:
        return
    from grader.store import migrate  # loads Alembic

    if stored is not None and not migrate.knows(branch.folder, str(stored)):
        raise StoreError(
            f"{name}: this database was written by a newer gradlings.",
            "Upgrade gradlings with `pip install --upgrade gradlings`, or name another database.",
        )
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrate.upgrade(connection, branch.folder, branch.head)

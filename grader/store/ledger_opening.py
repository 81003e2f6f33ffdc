"""Opens a ledger: the lock that makes its opener the only one, the connection, the migrations. What it then does is `ledger`."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from grader.course.lock import acquire
from grader.errors import StoreError, UsageError
from grader.filesystem import shared_kind
from grader.store import connection as sqlite
from grader.store.ledger import Ledger, unusable
from grader.store.ledger_schema import HEAD, VERSION_TABLE, metadata

MIGRATIONS = Path(__file__).parent / "ledger_migrations"
BUSY_SECONDS = 10.0
# A server takes a moment to notice that the program before us was killed.
LOCK_SECONDS = 10.0
_RETRY_SECONDS = 0.1
# "gradlings ledger", for pg_try_advisory_lock.
_ADVISORY = 0x67726164_6C656467


def open_ledger(place: Path | str) -> Ledger:
    """Open the ledger at `place`, a SQLite file or a SQLAlchemy URL, made where there is none and migrated where it is older.

    Raises UsageError where another program has it, or the URL is none; StoreError where it cannot be had.
    """
    url = _url(place)
    name = url.database or "memory" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
    try:
        engine, close = _sqlite(url) if url.get_backend_name() == "sqlite" else _server(url, name)
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise unusable(name, error) from error
    try:
        _migrate(engine, name)
    except BaseException as error:
        close()
        if isinstance(error, SQLAlchemyError | sqlite3.Error):
            raise unusable(name, error) from error
        raise
    return Ledger(engine, name, close)


def _url(place: Path | str) -> URL:
    if isinstance(place, Path):
        return URL.create("sqlite", database=str(place.absolute()))
    try:
        url = make_url(place)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError):
        raise UsageError(
            "The ledger's address is no database URL that SQLAlchemy knows.",
            "Write it as sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE.",
        ) from None
    except ImportError as error:
        raise UsageError(
            f"The ledger's database needs a driver that is not installed: {error}.",
            "For PostgreSQL: pip install 'gradlings[postgresql]'.",
        ) from None
    if url.get_backend_name() == "sqlite" and not url.database:
        raise UsageError("A ledger in memory would be lost.", "Name a file: sqlite:///FILE.")
    return url


def _sqlite(url: URL) -> tuple[Engine, Callable[[], None]]:
    path = Path(str(url.database)).absolute()
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent} for the ledger.", "Make it, or name another file.")
    lock = acquire(path.with_name(path.name + ".lock"))
    if lock is None:
        raise _taken(str(path))
    try:
        raw = sqlite.connect(path, BUSY_SECONDS)
        try:
            sqlite.set_journal(raw, shared_kind(path) is None, BUSY_SECONDS)
        except BaseException:
            raw.close()
            raise
    except BaseException:
        lock.release()
        raise

    # One connection for the life of the ledger.
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)

    def close() -> None:
        engine.dispose()
        raw.close()
        lock.release()

    return engine, close


def _server(url: URL, name: str) -> tuple[Engine, Callable[[], None]]:
    engine = create_engine(url, pool_pre_ping=True)
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
        f"{name}: another gradlings is grading into this ledger.", "Wait for it to end, or name another --output."
    )


def _migrate(engine: Engine, name: str) -> None:
    found = set(inspect(engine).get_table_names())
    stored: Any = None
    if VERSION_TABLE in found:
        with engine.connect() as connection:
            stored = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    elif found & set(metadata.tables):
        raise StoreError(
            f"{name}: this database is not a ledger of gradlings, and has tables of the same names. It was left as it is.",
            "Name another database.",
        )
    if stored == HEAD:
        return
    from grader.store import migrate  # loads Alembic

    if stored is not None and not migrate.knows(MIGRATIONS, str(stored)):
        raise StoreError(
            f"{name}: this ledger was written by a newer gradlings.",
            "Upgrade gradlings with `pip install --upgrade gradlings`, or name another --output.",
        )
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        migrate.upgrade(connection, MIGRATIONS, HEAD)

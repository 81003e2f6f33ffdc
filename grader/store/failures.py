"""SQLite's errors as StoreErrors: what happened, where, what to do next. Decides nothing else."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from grader.errors import StoreError

REPAIR = (
    "`gradlings doctor --repair` saves what can be read into a new database and keeps the damaged file beside it. "
    "Or move the file elsewhere to begin anew."
)
UPGRADE = "Upgrade gradlings with `pip install --upgrade gradlings`."
# Less than this much room is no room: a commit needs a few pages of journal besides its own.
_NO_ROOM = 64 * 1024


@contextmanager
def translated(path: Path, busy_seconds: float) -> Iterator[None]:
    """Raise what SQLite raises inside as a StoreError about the database at `path`."""
    try:
        yield
    except DBAPIError as error:
        raise explained(path, error.orig, busy_seconds) from error
    except sqlite3.Error as error:
        raise explained(path, error, busy_seconds) from error
    except UnicodeDecodeError as error:
        raise damaged(path, "a text in it is no UTF-8") from error
    except OSError as error:
        raise StoreError(
            f"{path}: the progress database cannot be reached: {error.strerror}.",
            f"See that the folder {path.parent} is there and that you may read and write in it.",
        ) from error


def explained(path: Path, error: BaseException | None, busy_seconds: float) -> StoreError:
    """The StoreError that tells a learner what `error` means for the database at `path`."""
    name = getattr(error, "sqlite_errorname", "")
    kind = name.removeprefix("SQLITE_").partition("_")[0]
    if kind in {"BUSY", "LOCKED", "PROTOCOL"}:
        return StoreError(
            f"{path}: another program has been using the progress database for more than {busy_seconds:g} s, "
            "so nothing was read or written.",
            "Close the other program (another gradlings, a backup, a database viewer), then do this again.",
        )
    if kind in {"CORRUPT", "NOTADB", "FORMAT"}:
        return damaged(path, str(error))
    if kind == "FULL" or (kind in {"IOERR", "CANTOPEN"} and _no_room(path)):
        return StoreError(
            f"{path}: the disk is full, so nothing was recorded. What was recorded before is safe.",
            "Free some space (or ask for a larger quota), then save the file again.",
        )
    if kind in {"READONLY", "PERM", "AUTH"}:
        return unwritable(path)
    if kind == "CANTOPEN":
        return StoreError(
            f"{path}: the progress database, or the journal beside it, cannot be opened.",
            f"See that you may read and write this file and the folder {path.parent}, and that the disk has room.",
        )
    if kind == "IOERR":
        return StoreError(
            f"{path}: the disk reported an error ({name}), so nothing was recorded. What was recorded before is kept.",
            "See whether the disk has room, is within its quota and is still connected, then do this again.",
        )
    return StoreError(f"{path}: the progress database refused: {error} ({name or type(error).__name__}).", UPGRADE)


def damaged(path: Path, how: str) -> StoreError:
    """The error for a database whose content is not what was written."""
    return StoreError(f"{path}: the progress database is damaged ({how}). Nothing was changed in it.", REPAIR)


def unwritable(path: Path) -> StoreError:
    """The error for a file or folder that this program may not write to."""
    return StoreError(
        f"{path}: this file or its folder cannot be written to, so nothing was recorded.",
        f"Give yourself write access to {path.parent} and what is in it, or copy the whole folder to where you may write.",
    )


def _no_room(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _NO_ROOM
    except OSError:
        return False

"""Files that only their owner can read: whole or not at all, on the disk when it returns, never by a link elsewhere."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from grader.course.files import make_folder, sync_folder
from grader.errors import UsageError

LEFTOVER_S = 3600


def write_private(root: Path, path: Path, data: bytes) -> None:
    """Replace the file at `path` within `root`, or make it; a link of that name is replaced, not followed.

    It has mode 0600 from the first moment on. After a crash it is the old one or the new one. Raises UsageError.
    """
    make_folder(root, path.parent)
    beside = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what programs that were killed while writing left behind; not what one may be writing now."""
    for left in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if left.lstat().st_mtime < time.time() - LEFTOVER_S:
                left.unlink()


def unwritable(path: Path, error: OSError) -> UsageError:
    """What is raised where a file cannot be written."""
    return UsageError(
        f"{path} cannot be written: {error.strerror or error}.",
        "See that the disk has room, and that nothing of another kind is in the way.",
    )

"""One grader a workspace: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from grader.errors import UsageError


class GraderLock:
    """The lock while held. A context manager; `release` is idempotent.

    `enforced` is False where the file system knows no locks, so that nobody else can be kept out.
    """

    def __init__(self, descriptor: int, enforced: bool = True) -> None:
        self._descriptor: int | None = descriptor
        self.enforced = enforced

    def release(self) -> None:
        """Let another program have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)  # the lock goes with the last descriptor
            self._descriptor = None

    def __enter__(self) -> GraderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def acquire(path: Path) -> GraderLock | None:
    """Take the lock at `path`, making the file; None at once where another program has it.

    Raises UsageError where the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}.", "The workspace has to be writable; `gradlings init` completes it."
        ) from None
    try:
        _lock(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        return GraderLock(descriptor, enforced=False)
    with contextlib.suppress(OSError):  # for a person who wonders who it is; nobody reads it
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    return GraderLock(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from None
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

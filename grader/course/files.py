"""Reads and writes a learner's files: bounded, whole or not at all, never by a link out of the folder."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from grader.errors import GradlingsError, UsageError

MAX_BYTES = 2**20


class SourceError(UsageError):
    """A file is there but is no source: too large, or no text. `line` counts from 1 where one is known."""

    def __init__(self, message: str, hint: str, line: int | None = None) -> None:
        super().__init__(message, hint)
        self.line = line


def inside(root: Path, path: Path) -> Path:
    """`path` itself, once it is sure that no link on the way leads out of `root`. Raises UsageError."""
    real, top = Path(os.path.realpath(path.parent)), Path(os.path.realpath(root))
    if not real.is_relative_to(top):
        raise UsageError(
            f"{path} is reached by a link to {real}, outside the workspace.",
            "Replace the link by a folder of its own; gradlings does not read or write elsewhere.",
        )
    return path


def read_bytes(root: Path, path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file within `root`.

    Raises UsageError where it is missing, cannot be opened, or is a folder, a device or a link out of `root`;
    SourceError where it is longer than `limit` bytes.
    """
    inside(root, path)
    if path.is_symlink():
        inside(root, Path(os.path.realpath(path)))
    try:
        # Not to wait for a writer where somebody left a named pipe.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _unusable(path, error) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise UsageError(f"{path} is {what}.", "Move it away; `gradlings update` puts the file back.")
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(limit + 1)  # not by its size: it may grow meanwhile
        except OSError as error:
            raise _unusable(path, error) from None
    if len(data) > limit:
        raise SourceError(
            f"{path} is larger than {limit // 1024} KiB.", "An exercise takes a page: is this the right file?"
        )
    return data


def decode(path: Path, data: bytes) -> str:
    """The text of a source file, line ends and byte order mark as they are. Raises SourceError."""
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise SourceError(f"{path} holds a NUL byte on line {line}.", "Save it as UTF-8 text.", line)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path} is not UTF-8 on line {line}.", "Save it as UTF-8 text.", line) from None


def write_bytes(root: Path, path: Path, data: bytes) -> None:
    """Replace the file at `path` within `root`, or make it; after a crash it is the old one or the new one.

    A link at `path` itself is replaced, not followed. Raises UsageError.
    """
    _write(root, path, data, replace=True)


def create_bytes(root: Path, path: Path, data: bytes) -> bool:
    """Make the file at `path` within `root`, whole; False where something of that name is there already.

    For copies that can be had again: it does not wait for the disk, as `write_bytes` does. Raises UsageError.
    """
    return not os.path.lexists(path) and _write(root, path, data, replace=False)


def move(root: Path, source: Path, target: Path) -> bool:
    """Give a file within `root` another name; False where that name is taken. Raises UsageError."""
    inside(root, source)
    try:
        make_folder(root, target.parent)
        if os.path.lexists(target):
            return False
        source.rename(target)
    except OSError as error:
        raise _unusable(target, error) from None
    return True


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder within `root`, and those above it. Raises UsageError."""
    inside(root, folder / "any")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error) from None


def _write(root: Path, path: Path, data: bytes, *, replace: bool) -> bool:
    folder = path.parent
    make_folder(root, folder)
    # A dot in front and this ending: whoever watches the folder looks past it.
    temporary = folder / f".{path.name}.{os.urandom(4).hex()}.tmp"
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if replace and path.is_file() else None
        with temporary.open("xb") as file:
            file.write(data)
            if replace:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        if not replace:
            return _link(temporary, path)
        temporary.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise _unusable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def _link(temporary: Path, path: Path) -> bool:
    """Give the finished file its name, unless that is taken."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            return False
        temporary.rename(path)
    return True


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: only so do they survive a power cut.

    Where folders cannot be opened (Windows), they need not be.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unusable(path: Path, error: OSError) -> GradlingsError:
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{path} is missing.", "`gradlings update` puts it back.")
    if isinstance(error, PermissionError):
        return UsageError(f"{path}: {reason}.", "Give yourself the right to read and write there.")
    if isinstance(error, NotADirectoryError | FileExistsError | IsADirectoryError):
        return UsageError(f"{path}: {reason}.", "Something of another kind is in the way: move it elsewhere.")
    return UsageError(f"{path}: {reason}.", "See that the disk is there, has room left and can be written to.")

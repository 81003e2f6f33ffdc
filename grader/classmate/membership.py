"""Which class a workspace is a member of: `.gradlings/class.json`, which only its owner can read, for the token in it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from grader.course.files import inside, read_bytes
from grader.course.workspace import OWN
from grader.errors import UsageError

NAME = "class.json"


@dataclass(frozen=True)
class Membership:
    """A student of a class. `server` is its address, `course` the course it works on."""

    server: str
    token: str
    nickname: str
    title: str
    course: str


def read(root: Path) -> Membership | None:
    """The workspace's class; None where it is in none. Raises UsageError where the file is damaged."""
    path = root / OWN / NAME
    if not path.is_symlink() and not path.exists():
        return None
    try:
        found = json.loads(read_bytes(root, path))
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise TypeError
        return Membership(**found)
    except (ValueError, TypeError, RecursionError):
        raise UsageError(f"{path} cannot be read.", "`gradlings join URL CODE --again` makes it anew.") from None


def member(root: Path) -> Membership:
    """The workspace's class. Raises UsageError where it is in none."""
    found = read(root)
    if found is None:
        raise UsageError("This workspace is in no class.", "`gradlings join URL CODE`; your teacher has both.")
    return found


def write(root: Path, membership: Membership) -> None:
    """Keep the membership, for its owner's eyes only from the first moment on."""
    text = json.dumps({field.name: asdict(membership)[field.name] for field in fields(membership)}, indent=1)
    write_private(root, root / OWN / NAME, text.encode() + b"\n")


def write_private(root: Path, path: Path, data: bytes) -> None:
    """Write a file that only its owner can read; after a crash it is the old one or the new one, and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inside(root, path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", "See that the disk has room."
        ) from None


def _sync(folder: Path) -> None:
    # Where folders cannot be opened (Windows), the file's own name is as durable as it gets.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Which class a workspace is a member of: `.gradlings/class.json`, which only its owner can read, for the token in it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from grader.classmate.connection import server_of
from grader.classmate.private import sweep, write_private
from grader.course.files import create_bytes, read_bytes
from grader.course.workspace import OWN
from grader.errors import UsageError

NAME = "class.json"
# What a header takes, so that no token is ever told in a complaint about it.
_TOKEN = re.compile(r"[\w.~+/=-]{1,200}", re.ASCII)


@dataclass(frozen=True)
class Membership:
    """A student of a class. `server` is its address, `course` the name of the course it works on."""

    server: str
    token: str
    nickname: str
    title: str
    course: str

    @property
    def mark(self) -> str:
        """What tells this membership from others: what one class acknowledged, another one has not."""
        return hashlib.sha256(f"{self.server}\n{self.token}".encode()).hexdigest()[:16]


def membership_of(found: dict[str, Any]) -> Membership:
    """A membership from values that others wrote; keys it does not know are passed over. Raises ValueError."""
    values = {field.name: found.get(field.name) for field in fields(Membership)}
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("not a text")
    membership = Membership(**values)  # type: ignore[arg-type]
    try:
        sound = server_of(membership.server, insecure=True) == membership.server
    except UsageError:
        sound = False
    if not sound or not _TOKEN.fullmatch(membership.token):
        raise ValueError("no address or no token")
    return membership


def is_member(root: Path) -> bool:
    """Whether the workspace is in a class, be its file readable or not."""
    path = root / OWN / NAME
    return path.is_symlink() or path.exists()


def read(root: Path) -> Membership:
    """The workspace's class. Raises UsageError where it is in none, or the file is damaged."""
    path = root / OWN / NAME
    if not is_member(root):
        raise UsageError("This workspace is in no class.", "`gradlings join URL CODE`; your teacher has both.")
    try:
        if path.is_symlink():
            raise ValueError("a link")
        found = json.loads(read_bytes(root, path))
        if not isinstance(found, dict):
            raise ValueError("no object")
        return membership_of(found)
    except (UsageError, ValueError, RecursionError):
        raise UsageError(
            f"{path} cannot be read.",
            "Ask your teacher for an invitation; `gradlings join URL CODE --again` makes it anew.",
        ) from None


def write(root: Path, membership: Membership) -> None:
    """Keep the membership, for its owner's eyes only from the first moment on. Raises UsageError."""
    folder = root / OWN
    write_private(root, folder / NAME, json.dumps(asdict(membership), indent=1).encode() + b"\n")
    # Who puts the workspace under version control does not publish the token.
    create_bytes(root, folder / ".gitignore", b"grader.lock\noutbox.lock\nclass.json\noutbox/\nrefused/\n*.tmp\n")
    sweep(folder)

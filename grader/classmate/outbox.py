"""What was handed in and is not acknowledged yet: a file each in `.gradlings/outbox`, on the disk before it is sent.

The server takes the same source for the same submission, so what is sent again after a crash does no harm. What it acknowledged
stands in `.gradlings/receipts.jsonl`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.classmate.connection import Offline, Refused, ask
from grader.classmate.membership import Membership, write_private
from grader.course.files import inside, read_bytes
from grader.course.workspace import OWN
from grader.errors import UsageError

FOLDER = "outbox"
RECEIPTS = "receipts.jsonl"
MAX_LETTER = 4 << 20


@dataclass(frozen=True)
class Sent:
    """What came of sending: lines that the server acknowledged, those it refused with the reason, how many wait and why."""

    acknowledged: list[dict[str, Any]]
    refused: list[tuple[str, Refused]]
    waiting: int
    trouble: Offline | Refused | None


class Outbox:
    """The outbox of one workspace."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / OWN / FOLDER

    def put(self, exercise: str, source: str, uses: Mapping[str, str]) -> None:
        """Keep a submission until it is acknowledged. Raises UsageError where it cannot be kept."""
        letter = {"exercise": exercise, "source": source, "uses": dict(uses)}
        data = json.dumps(letter, sort_keys=True).encode()
        name = hashlib.sha256(data).hexdigest()
        path = self._folder / f"{name}.json"
        if path.exists():
            return
        write_private(self._root, path, data)

    def send(self, membership: Membership) -> Sent:
        """Send what waits, the oldest first, until the server cannot be reached."""
        acknowledged: list[dict[str, Any]] = []
        refused: list[tuple[str, Refused]] = []
        letters = self._letters()
        for number, path in enumerate(letters):
            letter = self._read(path)
            if letter is None:
                continue
            try:
                line = ask(membership.server, "POST", "/submissions", membership.token, letter)
                if not isinstance(line, dict) or not isinstance(line.get("id"), int):
                    raise Offline(
                        f"{membership.server} did not answer as a class does.", "Is this the address of your class?"
                    )
            except Refused as error:
                if not error.for_good:
                    return Sent(acknowledged, refused, len(letters) - number, error)
                refused.append((str(letter["exercise"]), error))
                self._drop(path)
                continue
            except Offline as error:
                return Sent(acknowledged, refused, len(letters) - number, error)
            self._keep_receipt(line)
            self._drop(path)
            acknowledged.append(line)
        return Sent(acknowledged, refused, 0, None)

    def acknowledged(self) -> set[tuple[str, str]]:
        """Exercise and SHA-256 of every source that the server acknowledged."""
        path = self._root / OWN / RECEIPTS
        found = set()
        if path.is_file():
            for text in read_bytes(self._root, path, 1 << 30).splitlines():
                # Its last line may be cut where the machine lost power.
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    line = json.loads(text)
                    found.add((str(line["exercise"]), str(line["source_sha256"])))
        return found

    def _letters(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        inside(self._root, self._folder / "x")
        return sorted(self._folder.glob("[0-9a-f]*.json"), key=lambda path: (path.lstat().st_mtime_ns, path.name))

    def _read(self, path: Path) -> dict[str, Any] | None:
        """A letter; None where it is not one of ours, and then it is out of the way."""
        try:
            data = read_bytes(self._root, path, MAX_LETTER)
            letter = json.loads(data)
            if path.is_symlink() or hashlib.sha256(data).hexdigest() != path.stem or not isinstance(letter, dict):
                raise ValueError
        except (UsageError, ValueError, RecursionError):
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
            return None
        return letter

    def _keep_receipt(self, line: dict[str, Any]) -> None:
        path = inside(self._root, self._root / OWN / RECEIPTS)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        try:
            with os.fdopen(os.open(path, flags, 0o600), "ab") as file:
                file.write(b"\n" * _unfinished(path) + json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror or error}.", "See that the disk has room."
            ) from None

    def _drop(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            path.unlink()


def _unfinished(path: Path) -> bool:
    """Whether the last line was cut off."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"

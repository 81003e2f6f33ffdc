"""What is handed in and not acknowledged yet: a file each in `.gradlings/outbox`, on the disk before anything is sent.

The server takes the same source for the same submission, so what is sent again after a crash does no harm. What it acknowledged
stands in `.gradlings/receipts.jsonl`, what it refused for good in `.gradlings/refused`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grader.classmate.connection import Offline, Refused, ask, no_class
from grader.classmate.lines import Line, line_of
from grader.classmate.membership import Membership
from grader.classmate.private import sweep, unwritable, write_private
from grader.course.files import SourceError, inside, read_bytes, sync_folder
from grader.course.lock import acquire
from grader.course.workspace import OWN
from grader.errors import GradlingsError, UsageError

MAX_LETTER = 16 << 20
MAX_RECEIPTS = 1 << 30
BUSY_S = 60.0


@dataclass
class Sent:
    """What came of sending: what the server acknowledged, what it refused with the reason, how many wait and why.

    `damaged` are files of the outbox that nobody can make sense of; they were put out of the way.
    """

    acknowledged: list[Line] = field(default_factory=list)
    refused: list[tuple[str, Refused]] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    waiting: int = 0
    trouble: GradlingsError | None = None


class Outbox:
    """The outbox of one workspace, for one class."""

    def __init__(self, root: Path, membership: Membership) -> None:
        self._root = root
        self._to = membership
        self._folder = root / OWN / "outbox"
        self._receipts = root / OWN / "receipts.jsonl"

    def put(self, exercise: str, source: str, uses: Mapping[str, str]) -> None:
        """Keep a submission until it is acknowledged; on the disk when this returns. Raises UsageError."""
        letter = {"exercise": exercise, "source": source, "uses": dict(uses)}
        data = json.dumps(letter, sort_keys=True).encode()
        if len(data) > MAX_LETTER:
            raise UsageError(
                f"{exercise} is too large to hand in.", "An exercise takes a page: is this the right file?"
            )
        path = self._folder / f"{hashlib.sha256(data).hexdigest()}.json"
        if path.is_symlink() or self._letter(path) != letter:  # what waits already keeps its place
            write_private(self._root, path, data)

    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting())

    def send(self) -> Sent:
        """Send what waits, the oldest first, until the server cannot be reached. Raises UsageError."""
        sent = Sent()
        if not self._waiting():
            return sent
        with self._alone() as alone:
            letters = self._waiting()
            if not alone:
                sent.trouble = UsageError("Another gradlings is handing in from this workspace.", "Try again later.")
                sent.waiting = len(letters)
                return sent
            sweep(self._folder)
            known = {receipt["receipt"] for receipt in self._known()}
            for number, path in enumerate(letters):
                try:
                    self._deliver(path, known, sent)
                except (Offline, Refused) as error:
                    sent.waiting, sent.trouble = len(letters) - number, error
                    break
        return sent

    def acknowledged(self) -> set[tuple[str, str]]:
        """Exercise and SHA-256 of every source that this class acknowledged."""
        return {(receipt["exercise"], receipt["source_sha256"]) for receipt in self._known()}

    def _deliver(self, path: Path, known: set[str], sent: Sent) -> None:
        """Send one. Raises Offline, or Refused where it is to wait."""
        letter = self._letter(path)
        if letter is None:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            sent.damaged.append(aside)
            return
        try:
            line = self._post(letter)
        except Refused as error:
            if not error.for_good:
                raise
            self._keep_aside(path, letter, error)
            sent.refused.append((letter["exercise"], error))
        else:
            # It is known where a program was killed after this. By its signature: a class restored from a backup uses ids again.
            if line.receipt not in known:
                self._keep_receipt(line)
                known.add(line.receipt)
            sent.acknowledged.append(line)
        path.unlink(missing_ok=True)

    def _post(self, letter: dict[str, Any]) -> Line:
        found = ask(self._to.server, "POST", "/submissions", self._to.token, letter)
        try:
            line = line_of(found)
        except ValueError:
            raise no_class(self._to.server) from None
        # Taken for acknowledged is only what was sent.
        sha256 = hashlib.sha256(letter["source"].encode("utf-8", "surrogatepass")).hexdigest()
        if (line.exercise, line.source_sha256) != (letter["exercise"], sha256):
            raise no_class(self._to.server)
        return line

    def _waiting(self) -> list[Path]:
        inside(self._root, self._folder / "any")
        found = []
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # sent by another program meanwhile
                found.append((path.lstat().st_mtime_ns, path.name, path))
        return [path for _, _, path in sorted(found)]

    def _letter(self, path: Path) -> dict[str, Any] | None:
        """What is in a file of the outbox; None where it is missing, or nothing that `put` wrote."""
        if path.is_symlink() or not path.is_file():
            return None
        try:
            data = read_bytes(self._root, path, MAX_LETTER)
            letter = json.loads(data)
            if hashlib.sha256(data).hexdigest() != path.stem or not isinstance(letter, dict):
                return None
            sound = isinstance(letter["exercise"], str) and isinstance(letter["source"], str)
        except (SourceError, ValueError, KeyError, RecursionError):
            return None
        return letter if sound else None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other program sends from this workspace, once one that does has had its time."""
        path = inside(self._root, self._root / OWN / "outbox.lock")
        if path.is_symlink():
            raise UsageError(f"{path} is a link.", "Remove it.")
        end = time.monotonic() + BUSY_S
        while (lock := acquire(path)) is None and time.monotonic() < end:
            time.sleep(0.05)
        if lock is None:
            yield False
            return
        with lock:
            yield True

    def _known(self) -> list[dict[str, Any]]:
        """This class's receipts."""
        if not self._receipts.is_symlink() and not self._receipts.exists():
            return []
        found = []
        for text in read_bytes(self._root, self._receipts, MAX_RECEIPTS).splitlines():
            # A line may be cut off where the machine lost power.
            with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
                receipt = json.loads(text)
                if receipt["class"] == self._to.mark:
                    found.append(asdict(line_of(receipt)))
        return found

    def _keep_receipt(self, line: Line) -> None:
        receipt = {name: value for name, value in asdict(line).items() if name != "verdict"}
        data = json.dumps({"class": self._to.mark, "server": self._to.server, **receipt}).encode() + b"\n"
        path = inside(self._root, self._receipts)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            is_new = not path.exists()
            with os.fdopen(os.open(path, flags, 0o600), "ab+") as file:
                file.write(b"\n" + data if _is_cut_off(file) else data)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            raise unwritable(path, error) from None

    def _keep_aside(self, path: Path, letter: dict[str, Any], error: Refused) -> None:
        told = {**letter, "status": error.status, "message": error.message, "hint": error.hint}
        write_private(self._root, self._root / OWN / "refused" / path.name, json.dumps(told, indent=1).encode())


def _is_cut_off(file: Any) -> bool:
    """Whether the last line has no end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")

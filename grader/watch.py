"""File events -> exercise ids: which learner's file was saved, emptied or removed, as soon as it happened.

Watches the folder and not the files, since editors replace the inode. Only the files it was given count, so swap, temporary
and backup files never do; content that is the same as last time is skipped. Where events do not come (network file systems,
folders shared with a host, exhausted inotify watches) it polls, and `how` says so. Grades nothing, prints nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from grader.filesystem import shared_kind

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

# Milliseconds. A burst of events (truncate, write, rename) ends with one quiet step, and an idle watcher wakes once a step:
# 2 ms noticed a save after 4.1 ms for 1.9 % of a core, 5 ms after 8.6 ms for 0.6 % (measured). watchfiles' own defaults,
# 50 and 1600, are longer than a whole verdict. Who has not saved for some minutes is asleep or thinking.
STEP = 2
STEP_ASLEEP = 20
ASLEEP_AFTER_SECONDS = 600.0
DEBOUNCE = 20
TICK = 1000
POLL_SECONDS = 0.2
# File systems whose clocks are coarser than two saves: a file this young is read again whatever its time says.
YOUNG_SECONDS = 3.0
LARGEST = 1 << 20
REMOVED = "the folder was removed"


@dataclass(frozen=True)
class Save:
    """What happened to an exercise's file: it has new content, is empty now, or is gone."""

    exercise: str
    path: Path
    state: Literal["saved", "empty", "gone"]


class Watcher:
    """Watches `folder` for changes of `files` (path -> exercise id; paths begin with `folder`).

    Listening begins with the constructor, so that no save after it is missed; `run` reports what came.
    """

    def __init__(self, folder: Path, files: Mapping[Path, str], *, poll: bool = False) -> None:
        self.folder = folder
        self._files = {str(path): exercise for path, exercise in files.items()}
        self._emitted: dict[str, str | None] = {}
        self._rust: RustNotify | None = None
        self._why = "asked for" if poll else why_poll(folder)
        self._signatures: dict[str, tuple[int, ...] | None] = {}
        self._last = time.monotonic()
        self._listen()
        # What there was before anybody saved; a file first saved unchanged is reported all the same.
        self._before = {path: _digest(path) for path in self._files}

    @property
    def polling(self) -> bool:
        """Whether it polls, because no events come."""
        return self._rust is None

    @property
    def how(self) -> str:
        """In words, how changes are noticed."""
        return f"polling every {POLL_SECONDS:g} s ({self._why})" if self.polling else "file events"

    def run(
        self, report: Callable[[Save], None], stop: threading.Event, moved: Callable[[str], None] = lambda _: None
    ) -> None:
        """Call `report` for every change until `stop` is set, and `moved` where `how` has become another.

        Blocks: give it a thread of its own.
        """
        how = self.how
        while not stop.is_set():
            if self.how != how:
                how = self.how
                moved(how)
            paths = self._poll(stop) if self._rust is None else self._wait(self._rust, stop)
            for path in paths:
                save = self._look(path)
                if save is not None:
                    report(save)
        self.close()

    def early(self, since: float, written: Callable[[str], bool]) -> list[Save]:
        """The files saved after `since` (of `time.time`), before anybody listened, of those exercises that are `written`.

        To be asked before `run`, which does not report them again.
        """
        recent = [path for path in self._files if (found := _signature(path)) is not None and found[0] >= since * 1e9]
        saves = [self._look(path) for path in recent if written(self._files[path])]
        return [save for save in saves if save is not None and save.state == "saved"]

    def forget(self, exercise: str) -> None:
        """Report the next save of `exercise` although its content be the same."""
        for path, id in self._files.items():
            if id == exercise:
                self._emitted.pop(path, None)

    def close(self) -> None:
        """Stop listening."""
        if self._rust is not None:
            self._rust.close()

    # -- noticing --------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._inode = _inode(self.folder)
        if self._why is None:
            try:
                self._rust = _events(self.folder)
                return
            except OSError as error:
                self._why = f"file events cannot be had: {error.strerror or error}"
        self._rust = None
        self._signatures = {path: _signature(path) for path in self._files}

    def _wait(self, rust: RustNotify, stop: threading.Event) -> Iterable[str]:
        """The files that the events of one burst are about; none when nothing came within a tick."""
        asleep = time.monotonic() - self._last > ASLEEP_AFTER_SECONDS
        try:
            changes = rust.watch(DEBOUNCE, STEP_ASLEEP if asleep else STEP, TICK, stop)
        except (OSError, RuntimeError) as error:
            return self._give_up_events(f"file events ended: {error}")
        if isinstance(changes, str):
            return self._again() if changes == "timeout" and _inode(self.folder) != self._inode else ()
        self._last = time.monotonic()
        # Its inode number may be in use again by the time anybody looks.
        if any(path == str(self.folder) for _, path in changes):
            return self._again()
        return [path for changed in sorted({path for _, path in changes}) for path in self._about(changed)]

    def _about(self, changed: str) -> Iterator[str]:
        if changed in self._files:
            yield changed
        else:
            # A folder moved in or out brings no events for what is in it.
            prefix = changed.rstrip(os.sep) + os.sep
            yield from (path for path in self._files if path.startswith(prefix))

    def _give_up_events(self, why: str) -> Iterable[str]:
        self.close()
        self._rust, self._why = None, why
        self._signatures = {path: _signature(path) for path in self._files}
        return self._differing()

    def _again(self) -> Iterable[str]:
        """The folder itself was removed or replaced: listen to the one that is there now, and look at every file."""
        self.close()
        if not self.folder.is_dir():
            return self._give_up_events(REMOVED)
        self._listen()
        return self._differing()

    def _poll(self, stop: threading.Event) -> Iterable[str]:
        stop.wait(POLL_SECONDS)
        if self._why == REMOVED and self.folder.is_dir():
            self._why = why_poll(self.folder)
            self._listen()
            return self._differing()
        return [path for path in self._files if self._touched(path)]

    def _touched(self, path: str) -> bool:
        before, now = self._signatures.get(path), _signature(path)
        self._signatures[path] = now
        if now != before:
            return True
        young = now is not None and abs(time.time() - now[0] / 1e9) < YOUNG_SECONDS
        return young and _digest(path) != self._emitted.get(path, self._before.get(path))

    def _differing(self) -> list[str]:
        return [path for path in self._files if _digest(path) != self._emitted.get(path, self._before[path])]

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, path: str) -> Save | None:
        """What to report of a file that may have changed."""
        digest = _digest(path)
        if path in self._emitted and self._emitted[path] == digest:
            return None
        if digest is None and path not in self._emitted and self._before.get(path) is None:
            return None
        self._emitted[path] = digest
        state: Literal["saved", "empty", "gone"] = "gone" if digest is None else "saved" if digest else "empty"
        return Save(self._files[path], Path(path), state)


def why_poll(folder: Path) -> str | None:
    """Why no file events can be relied on in `folder`, None where they can."""
    kind = shared_kind(folder)
    return f"the folder is on {kind}" if kind else None


def _events(folder: Path) -> RustNotify:
    from watchfiles._rust_notify import RustNotify

    return RustNotify([str(folder)], False, False, 0, True, True)


def _digest(path: str) -> str | None:
    """A hash of the file's content: "" where it is blank, None where there is no file.

    What cannot be read counts as content of its own, for whoever grades it to complain about.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"unreadable: {error.errno}"
    return hashlib.sha256(content).hexdigest() if content.strip() else ""


def _signature(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns)


def _inode(folder: Path) -> int | None:
    try:
        return folder.stat().st_ino
    except OSError:
        return None

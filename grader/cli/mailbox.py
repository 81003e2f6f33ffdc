"""What waits to be graded: the newest save first, none lost, none graded twice.

The thread that watches files puts saves in, the thread that grades takes them out. A save that comes while something is
graded cancels that; what was cancelled is graded after the newer one, unless it was saved again itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from grader.watch import Save

REPEAT_SECONDS = 0.05


class Mailbox:
    """`cancel` is called, from another thread, when a save comes while something is graded.

    What `take` returns counts as being graded until `done`. A cancellation may come too early to be noticed, before the grading
    has begun in earnest, so it is repeated until the grading has ended.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._changed = threading.Condition()
        self._saves: dict[str, Save] = {}
        self._keys: list[str] = []
        self._running = False
        self._number = 0
        self._fault: BaseException | None = None

    def put(self, save: Save) -> None:
        """A save has come; it replaces an older one of the same exercise."""
        with self._changed:
            self._saves.pop(save.exercise, None)
            self._saves[save.exercise] = save
            number = self._number
            self._changed.notify_all()
        if save.state != "gone":
            self._cancel_run(number, REPEAT_SECONDS)

    def _cancel_run(self, number: int, wait: float) -> None:
        # Under the lock, so that the run it is meant for cannot end and the next one begin meanwhile.
        with self._changed:
            if not self._running or self._number != number:
                return
            self._cancel()
        again = threading.Timer(wait, self._cancel_run, (number, min(2 * wait, 1.0)))
        again.daemon = True
        again.start()

    def put_back(self, save: Save) -> None:
        """What was cancelled waits behind everything else, if nothing newer of it is there."""
        with self._changed:
            if save.exercise not in self._saves:
                self._saves = {save.exercise: save, **self._saves}

    def press(self, key: str) -> None:
        """A key was pressed."""
        with self._changed:
            self._keys.append(key)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """No save will come any more; `take` raises this."""
        with self._changed:
            self._fault = error
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Save | str | None:
        """The newest save, else the first key pressed; waits for one. None after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._saves or self._keys or self._fault, timeout)
            if self._fault is not None:
                raise self._fault
            if self._saves:
                self._running = True
                self._number += 1
                return self._saves.popitem()[1]
            return self._keys.pop(0) if self._keys else None

    def done(self) -> None:
        """What was taken has been graded, or cannot be."""
        with self._changed:
            self._running = False

    def newer(self, exercise: str, within: float) -> bool:
        """Whether a newer save of `exercise` is there, or comes within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: exercise in self._saves, within)

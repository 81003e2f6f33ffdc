"""What waits for the thread that grades: the newest save first, none lost, none graded twice; then what it is to call.

The thread that watches files puts saves in, the thread that grades takes them out. A save that comes while something is
graded cancels that; what was cancelled is graded after the newer one, unless it was saved again itself. Grades nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from grader.watch import Save

REPEAT_SECONDS = 0.05

Call = Callable[[], None]


class Closed(Exception):
    """The mailbox was closed, and what was to be called before has been taken."""


class Mailbox:
    """`cancel` is called, from another thread, when a save comes while something is graded, and on `close`.

    What `take` returns counts as being graded until `done`. A cancellation may come too early to be noticed, before the grading
    has begun in earnest, so it is repeated until the grading has ended.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._changed = threading.Condition()
        self._saves: dict[str, Save] = {}
        self._calls: deque[Call] = deque()
        self._running = False
        self._number = 0
        self._fault: BaseException | None = None
        self._closed = False

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

    def call(self, do: Call) -> None:
        """Hand `do` to whoever takes, to be called when no save waits."""
        with self._changed:
            self._calls.append(do)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """No save will come any more; `take` raises this."""
        with self._changed:
            self._fault = error
            self._changed.notify_all()

    def close(self) -> None:
        """Cancel what is graded; `take` gives no save any more, and raises Closed once no call is left."""
        with self._changed:
            self._closed = True
            number = self._number
            self._changed.notify_all()
        self._cancel_run(number, REPEAT_SECONDS)

    def take(self, timeout: float | None = None) -> Save | Call | None:
        """The newest save, else the first call; waits for one. None after `timeout` seconds. Raises Closed after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._saves or self._calls or self._fault or self._closed, timeout)
            if not self._closed:
                if self._fault is not None:
                    raise self._fault
                if self._saves:
                    self._running = True
                    self._number += 1
                    return self._saves.popitem()[1]
            if self._calls:
                return self._calls.popleft()
            if self._closed:
                raise Closed
            return None

    def done(self) -> None:
        """What was taken has been graded, or cannot be."""
        with self._changed:
            self._running = False

    def newer(self, exercise: str, within: float) -> bool:
        """Whether a newer save of `exercise` is there, or comes within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: exercise in self._saves, within)

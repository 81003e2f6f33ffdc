"""The save loop: saves in, verdicts out, as events; the newest save wins, and a second program follows the first.

Headless: `watch` and the terminal app are faces on it. It prints nothing and reads no keys; grading and recording are the
session's, noticing saves the watcher's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course.workspace import EXERCISES
from grader.errors import EngineError, GradlingsError, StoreError, UsageError
from grader.mailbox import Closed, Mailbox
from grader.model import Attempt, Check, Point, Step, Verdict
from grader.watch import Save, Watcher

if TYPE_CHECKING:
    from grader.course.lock import GraderLock
    from grader.course.workspace import Workspace
    from grader.session import Outcome, Session

# An editor that truncates and then writes is in between for a moment: bad news waits this long for better.
SETTLE_SECONDS = 0.1
FOLLOW_SECONDS = 0.1
WAKE_SECONDS = 0.5
# An engine that is warming up hears a cancellation only once it is warm. Who wants to stop waits this long for it.
HEED_SECONDS = 0.3
# Before the id of an exercise: its review. An id has one slash, so no exercise can be called so.
REVIEW = "review/"


@dataclass(frozen=True)
class Watching:
    """Listening for saves has begun; `how` is "file events" or "polling every ..."."""

    how: str


@dataclass(frozen=True)
class Following:
    """Another gradlings grades this workspace; its verdicts come as `Followed`."""


@dataclass(frozen=True)
class Alone:
    """The other gradlings has ended; this one grades from now on."""


@dataclass(frozen=True)
class Began:
    """A grading begins. After a cancellation by a newer save it begins again, and this comes again.

    `Graded` or `Trouble` ends it; or neither, where a newer save of the same exercise has made it idle.
    """

    exercise: str
    review: bool = False


@dataclass(frozen=True)
class Checked:
    """One check of the running grading has ended; the engine may repeat a grading, and its checks then."""

    exercise: str
    check: Check


@dataclass(frozen=True)
class Pointed:
    """A running check has added a point to one of its curves."""

    exercise: str
    point: Point


@dataclass(frozen=True)
class Graded:
    """A grading has ended and is recorded."""

    outcome: Outcome


@dataclass(frozen=True)
class Followed:
    """A verdict the other gradlings has recorded."""

    attempt: Attempt
    verdict: Verdict


@dataclass(frozen=True)
class Trouble:
    """Not graded: the file was removed, cannot be read, or it is the grader's own trouble. `hint` says what to do."""

    exercise: str
    message: str
    hint: str | None


@dataclass(frozen=True)
class Note:
    """A plain sentence to show once."""

    text: str


Event = Watching | Following | Alone | Began | Checked | Pointed | Graded | Followed | Trouble | Note


class SaveLoop:
    """Grades every save of an opened session's workspace, once: a loop that was stopped is not run again.

    `tell` hears of everything, on the thread that calls `run` (a `Note` may come from the watcher's); what it raises ends the
    loop. The session belongs to that thread until `run` returns. `checks`: tell of each check as it ends.
    `since`: a time (of `time.time`) after which saves count although they came before `run`; by default that of this call.
    """

    def __init__(
        self,
        session: Session,
        tell: Callable[[Event], None],
        *,
        poll: bool = False,
        checks: bool = False,
        since: float | None = None,
    ) -> None:
        self._session = session
        self._tell = tell
        self._poll = poll
        self._checks = checks
        self._since = time.time() if since is None else since
        self._mailbox = Mailbox(self._cancel)
        self._stopped_at: float | None = None
        self._watchers: list[tuple[Watcher, threading.Thread]] = []
        self._unwatch = threading.Event()

    def run(self) -> None:
        """Grade saves until `stop`; follow another program while one grades this workspace. Blocks.

        Raises GradlingsError where the lock, the database or a followed verdict cannot be had, what `tell` raised, and what
        the watcher died of. KeyboardInterrupt passes through.
        """
        if self._stopped_at is not None:
            return
        with suppress(Closed):
            lock = self._session.lock() or self._follow()
            with lock:
                self._grade_saves()

    # -- from any thread -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End `run` within about a second. What was handed to `call` before is called, saves that wait are not graded."""
        self._stopped_at = time.monotonic()
        self._mailbox.close()

    def again(self, exercise: str) -> None:
        """Grade the file as it is, as if it had been saved. Raises UsageError where there is no such exercise."""
        self._mailbox.put(Save(exercise, self._session.file(exercise), "saved"))

    def again_review(self, exercise: str) -> None:
        """Grade the exercise's review, as if it had been saved. Raises UsageError where there is no such exercise."""
        self._mailbox.put(Save(REVIEW + exercise, self._session.review_file(exercise), "saved"))

    def call(self, do: Callable[[], None]) -> None:
        """Run `do` on the loop's thread, between gradings. A GradlingsError it raises is told as a `Note`."""
        self._mailbox.call(do)

    def _cancel(self) -> None:
        """Called by the mailbox again and again until the running grading has ended."""
        self._session.cancel()
        if self._stopped_at is not None and time.monotonic() - self._stopped_at > HEED_SECONDS:
            # Ends the engine's processes, and with them whatever does not heed a cancellation. A session opens its store
            # and starts its engine again when it is used again.
            self._session.close()

    # -- grading ---------------------------------------------------------------------------------------------------

    def _grade_saves(self) -> None:
        session = self._session
        session.warm()
        exercises = self._start_watching(session.workspace, {session.file(id): id for id in session.course.exercises})
        try:
            self._tell(Watching(exercises.how))
            while True:
                # Made when the first review is begun, by whichever program.
                if len(self._watchers) == 1 and (session.workspace.root / session.workspace.review.folder).is_dir():
                    reviews = {session.review_file(id): REVIEW + id for id in session.course.exercises}
                    self._start_watching(session.workspace.review, reviews)
                # Not for ever: a signal that the kernel gave to another thread is seen when the main one wakes.
                found = self._mailbox.take(WAKE_SECONDS)
                if isinstance(found, Save):
                    self._grade(found)
                elif found is not None:
                    self._call(found)
        finally:
            self._unwatch.set()
            for _, thread in self._watchers:
                thread.join()

    def _written(self, id: str) -> bool:
        """Whether the learner has written anything in the file: a stub that was just made is no save."""
        try:
            return not self._session.workspace.untouched(id, self._session.workspace.read(id))
        except UsageError:
            return True

    def _start_watching(self, workspace: Workspace, files: Mapping[Path, str]) -> Watcher:
        watcher = Watcher(workspace.root / workspace.folder, files, poll=self._poll)
        if workspace.folder == EXERCISES:
            for save in watcher.early(self._since, self._written):
                self._mailbox.put(save)
        thread = threading.Thread(
            target=self._watch, args=(watcher,), name=f"watcher of {workspace.folder}", daemon=True
        )
        self._watchers.append((watcher, thread))
        thread.start()
        return watcher

    def _watch(self, watcher: Watcher) -> None:
        try:
            watcher.run(
                self._mailbox.put, self._unwatch, lambda how: self._tell(Note(f"Watching by {how} from now on."))
            )
        except BaseException as error:
            # A watcher that has died unseen would let the learner wait for ever.
            self._mailbox.fail(error)

    def _forget(self, id: str) -> None:
        """The next save of it counts, although the content be the same."""
        for watcher, _ in self._watchers:
            watcher.forget(id)

    def _grade(self, save: Save) -> None:
        from grader.engine import Cancelled  # 30 ms, which an app's first frame can do without

        id = save.exercise
        exercise = id.removeprefix(REVIEW)
        if save.state == "gone":
            self._mailbox.done()
            # Nobody misses the file of a review.
            if exercise == id and not self._mailbox.newer(id, SETTLE_SECONDS):
                hint = f"`gradlings reset {id}` puts the stub there, `gradlings history {id}` lists what you wrote."
                self._tell(Trouble(id, "Its file was removed or renamed.", hint))
            return
        try:
            outcome = self._outcome(id)
        except Cancelled:
            self._mailbox.put_back(save)
        except UsageError as error:
            if not self._mailbox.newer(id, SETTLE_SECONDS):
                self._tell(Trouble(exercise, error.message, error.hint))
        except (StoreError, EngineError) as error:
            # The grader's trouble, not the file's; the next save may find it mended.
            self._forget(id)
            self._tell(Trouble(exercise, error.message, error.hint))
        else:
            if outcome.verdict.status == "ungraded":
                self._forget(id)
            if outcome.graded or not self._mailbox.newer(id, SETTLE_SECONDS):
                self._tell(Graded(outcome))
                if exercise == id:
                    self._follow_the_learner(outcome)

    def _outcome(self, id: str) -> Outcome:
        exercise = id.removeprefix(REVIEW)
        grade = self._session.grade if exercise == id else self._session.grade_review
        try:
            self._tell(Began(exercise, review=exercise != id))
            return grade(exercise, lambda step: self._tell_step(exercise, step))
        finally:
            self._mailbox.done()

    def _tell_step(self, id: str, step: Step) -> None:
        if isinstance(step, Point):
            self._tell(Pointed(id, step))
        elif self._checks:
            self._tell(Checked(id, step))

    def _follow_the_learner(self, outcome: Outcome) -> None:
        """What they save is what they work on, until it is passed."""
        id = outcome.exercise.id
        if outcome.graded and not outcome.verdict.passed:
            with suppress(StoreError):
                if id != self._session.current():
                    self._session.set_current(id)

    def _call(self, do: Callable[[], None]) -> None:
        try:
            do()
        except GradlingsError as error:
            self._tell(Note(f"{error.message} {error.hint or ''}".strip()))

    # -- following -------------------------------------------------------------------------------------------------

    def _follow(self) -> GraderLock:
        """Tell the verdicts another program records, until it ends; then its lock is ours."""
        session = self._session
        changes = session.store.changes()
        seen = _newest(session)
        self._tell(Following())
        while True:
            found = self._mailbox.take(FOLLOW_SECONDS)
            if isinstance(found, Save):
                self._mailbox.done()
                self._tell(Note(f"The other gradlings grades here: save {found.exercise} once more, and it will."))
            elif found is not None:
                self._call(found)
            now = session.store.changes()
            if now != changes:
                changes = now
                for attempt in session.store.attempts(after=seen):
                    seen = attempt.sequence
                    if attempt.status != "ungraded":
                        self._tell(Followed(attempt, session.verdict(attempt.sequence)))
            lock = session.lock()
            if lock is not None:
                self._since = time.time()  # what came before was the other one's
                self._tell(Alone())
                return lock


def _newest(session: Session) -> int:
    newest = session.store.attempts(limit=1)
    return newest[-1].sequence if newest else 0

"""The loop of `watch`: saves in, verdicts out; the newest save wins, and a second watcher follows the first.

Grading and printing happen in the main thread, so that Ctrl-C reaches them; a thread of its own waits for file events.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from grader.cli.keys import Keys
from grader.cli.mailbox import Mailbox
from grader.cli.reporter import JsonLines, Lines
from grader.course.lock import GraderLock
from grader.engine import Cancelled
from grader.errors import EngineError, GradlingsError, StoreError, UsageError
from grader.session import Outcome, Session
from grader.text import clean
from grader.watch import Save, Watcher

# An editor that truncates and then writes is in between for a moment: bad news waits this long for better.
SETTLE_SECONDS = 0.1
PATIENCE_SECONDS = 0.5
FOLLOW_SECONDS = 0.1
WAKE_SECONDS = 0.5
QUIT = "q"


class Watching:
    """One run of `watch` on an opened session."""

    def __init__(self, session: Session, reporter: Lines | JsonLines, *, poll: bool, keys: bool) -> None:
        self._session = session
        self._reporter = reporter
        self._poll = poll
        self._keys = keys
        self._mailbox = Mailbox(session.cancel)
        self._current: str | None = None

    def run(self) -> None:
        """Grade every save until interrupted or told to quit; follow another watcher while there is one."""
        lock = self._session.lock() or self._follow()
        with lock:
            self._grade_saves()

    # -- grading ---------------------------------------------------------------------------------------------------

    def _grade_saves(self) -> None:
        session = self._session
        session.warm()
        files = {session.file(id): id for id in session.course.exercises}
        watcher = Watcher(session.workspace.root / "exercises", files, poll=self._poll)
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(watcher, stop), name="watcher", daemon=True)
        thread.start()
        try:
            with Keys(self._mailbox.press, wanted=self._keys) as keys:
                self._current = session.current()
                self._reporter.watching(session, self._current, watcher.how, keys.active)
                self._reporter.prepare()
                self._serve(watcher)
        finally:
            stop.set()
            thread.join()

    def _watch(self, watcher: Watcher, stop: threading.Event) -> None:
        try:
            watcher.run(self._mailbox.put, stop, lambda how: self._reporter.note(f"Watching by {how} from now on."))
        except BaseException as error:
            # A watcher that has died unseen would let the learner wait for ever.
            self._mailbox.fail(error)

    def _serve(self, watcher: Watcher) -> None:
        while True:
            # Not for ever: a signal that the kernel gave to another thread is seen when the main one wakes.
            found = self._mailbox.take(WAKE_SECONDS)
            if isinstance(found, Save):
                self._grade(found, watcher)
            elif found == QUIT:
                return
            elif found is not None:
                try:
                    self._press(found)
                except GradlingsError as error:
                    self._reporter.note(f"{error.message} {error.hint or ''}".strip())

    def _grade(self, save: Save, watcher: Watcher) -> None:
        id = save.exercise
        if save.state == "gone":
            self._mailbox.done()
            if not self._mailbox.newer(id, SETTLE_SECONDS):
                hint = f"`gradlings reset {id}` puts the stub there, `gradlings history {id}` lists what you wrote."
                self._reporter.trouble(id, "Its file was removed or renamed.", hint)
            return
        try:
            outcome = self._outcome(id)
        except Cancelled:
            self._mailbox.put_back(save)
        except UsageError as error:
            if not self._mailbox.newer(id, SETTLE_SECONDS):
                self._reporter.trouble(id, error.message, error.hint)
        except (StoreError, EngineError) as error:
            # The grader's trouble, not the file's; the next save may find it mended.
            watcher.forget(id)
            self._reporter.trouble(id, error.message, error.hint)
        else:
            if outcome.verdict.status == "ungraded":
                watcher.forget(id)
            if outcome.graded or not self._mailbox.newer(id, SETTLE_SECONDS):
                self._reporter.outcome(self._session, outcome)
                self._follow_the_learner(outcome)

    def _outcome(self, id: str) -> Outcome:
        with _Patience(self._reporter, id):
            try:
                return self._session.grade(id)
            finally:
                self._mailbox.done()

    def _follow_the_learner(self, outcome: Outcome) -> None:
        """What they save is what they work on."""
        id = outcome.exercise.id
        if outcome.verdict.passed:
            self._current = outcome.next
        elif outcome.graded and id != self._current:
            with suppress(StoreError):
                self._session.set_current(id)
                self._current = id

    # -- keys ------------------------------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        session, id = self._session, self._current
        if id is None:
            return
        if key == "h":
            hint = session.hint(id)
            self._reporter.note(f"{id}, hint {hint.number} of {hint.total}: {hint.text}")
        elif key == "r":
            self._mailbox.put(Save(id, session.file(id), "saved"))
        elif key == "n":
            following = session.next(id)
            if following is not None and isinstance(self._reporter, Lines):
                session.set_current(following)
                self._current = following
                self._reporter.current(session, following)

    # -- following -------------------------------------------------------------------------------------------------

    def _follow(self) -> GraderLock:
        """Show the verdicts another watcher records, until it ends; then its lock is ours."""
        session = self._session
        changes = session.store.changes()
        seen = _newest(session)
        self._reporter.following(session)
        while True:
            time.sleep(FOLLOW_SECONDS)
            now = session.store.changes()
            if now != changes:
                changes = now
                for attempt in session.store.attempts(after=seen):
                    seen = attempt.sequence
                    if attempt.status != "ungraded":
                        self._reporter.followed(session.verdict(attempt.sequence))
            lock = session.lock()
            if lock is not None:
                self._reporter.note("The other gradlings has ended; this one grades from now on.")
                return lock


class _Patience:
    """Says that a grading is going on, once it takes longer than one would expect."""

    def __init__(self, reporter: Lines | JsonLines, exercise: str) -> None:
        self._timer = threading.Timer(PATIENCE_SECONDS, self._say)
        self._timer.daemon = True
        self._reporter = reporter
        self._exercise = clean(exercise)
        self._over = False
        self._lock = threading.Lock()

    def _say(self) -> None:
        with self._lock:
            if not self._over:
                self._reporter.grading(self._exercise)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True


def _newest(session: Session) -> int:
    newest = session.store.attempts(limit=1)
    return newest[-1].sequence if newest else 0

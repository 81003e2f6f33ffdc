"""`watch` as a face on the save loop: what happens goes to a reporter, key presses go to the loop.

Grading and printing happen in the main thread, so that Ctrl-C reaches them.
"""

from __future__ import annotations

import threading
from functools import partial

from grader import saving
from grader.cli.keys import Keys
from grader.cli.reporter import JsonLines, Lines
from grader.curves import Drawing
from grader.session import Outcome, Session
from grader.text import clean

PATIENCE_SECONDS = 0.5
QUIT = "q"


class Watching:
    """One run of `watch` on an opened session."""

    def __init__(self, session: Session, reporter: Lines | JsonLines, *, poll: bool, keys: bool) -> None:
        self._session = session
        self._reporter = reporter
        self._loop = saving.SaveLoop(session, self._tell, poll=poll)
        self._keys = Keys(lambda key: self._loop.call(partial(self._press, key)), wanted=keys)
        self._patience = _Patience(reporter)
        self._drawing = Drawing()
        self._current: str | None = None
        self._quitting = False

    def run(self) -> None:
        """Grade every save until interrupted or told to quit; follow another watcher while there is one."""
        try:
            self._loop.run()
        finally:
            self._patience.end()
            self._keys.__exit__()

    def _tell(self, event: saving.Event) -> None:
        reporter, session = self._reporter, self._session
        match event:
            case saving.Watching(how):
                self._keys.__enter__()
                self._current = session.current()
                reporter.watching(session, self._current, how, self._keys.active)
                reporter.prepare()
            case saving.Following():
                reporter.following(session)
            case saving.Alone():
                reporter.note("The other gradlings has ended; this one grades from now on.")
            case saving.Began(exercise):
                self._drawing = Drawing()
                self._patience.begin(exercise)
            case saving.Pointed(exercise, point):
                reporter.point(exercise, point, self._drawing.add(point))
            case saving.Graded(outcome):
                self._patience.end()
                reporter.outcome(session, outcome)
                self._follow_the_learner(outcome)
            case saving.Followed(_, verdict):
                reporter.followed(verdict)
            case saving.Trouble(exercise, message, hint):
                self._patience.end()
                reporter.trouble(exercise, message, hint)
            case saving.Note(text):
                reporter.note(text)

    def _follow_the_learner(self, outcome: Outcome) -> None:
        """The keys are about what they save; after a pass, about what comes next."""
        if outcome.verdict.passed:
            self._current = outcome.next
        elif outcome.graded:
            self._current = outcome.exercise.id

    def _press(self, key: str) -> None:
        session, id = self._session, self._current
        if key == QUIT:
            self._quitting = True
            self._loop.stop()
        if id is None or self._quitting:
            return
        if key == "h":
            hint = session.hint(id)
            self._reporter.note(f"{id}, hint {hint.number} of {hint.total}: {hint.text}")
        elif key == "r":
            self._loop.again(id)
        elif key == "n":
            following = session.next(id)
            if following is not None and isinstance(self._reporter, Lines):
                session.set_current(following)
                self._current = following
                self._reporter.current(session, following)


class _Patience:
    """Says that a grading is going on, once it takes longer than one would expect."""

    def __init__(self, reporter: Lines | JsonLines) -> None:
        self._reporter = reporter
        self._lock = threading.Lock()
        self._number = 0
        self._timer: threading.Timer | None = None

    def begin(self, exercise: str) -> None:
        """A grading begins, and whatever was going on has ended."""
        self.end()
        self._timer = threading.Timer(PATIENCE_SECONDS, self._say, (self._number, clean(exercise)))
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Nothing is going on; nothing is said any more."""
        with self._lock:
            self._number += 1
        if self._timer is not None:
            self._timer.cancel()

    def _say(self, number: int, exercise: str) -> None:
        with self._lock:
            if self._number == number:
                self._reporter.grading(exercise)

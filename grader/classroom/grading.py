"""Grades what a class accepted, each key once, on engines of its own; whatever dies, what was accepted is graded in the end.

What waits is in the database. A queue here only says in which order; it is made anew at every start.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Protocol

from grader.doctor import lacking
from grader.engine import Engine
from grader.engine.core import Cancelled
from grader.errors import EngineError, GradlingsError
from grader.model import Course, Submission, Verdict
from grader.store.classbook import Classbook

TRIES = 3
# What could not be graded is tried again after so long: a full disk is emptied, memory comes back.
RETRY_S = 60.0


class Unprotected(GradlingsError):
    """This machine cannot hold learner code back."""


class Grades(Protocol):
    """What is needed of an engine."""

    def protections(self) -> tuple[str, ...]: ...
    def grade(self, submission: Submission) -> Verdict: ...
    def close(self) -> None: ...


class Graders:
    """Threads with an engine each."""

    def __init__(
        self,
        book: Classbook,
        course: Course,
        class_key: str,
        told: Callable[[list[int]], None],
        *,
        jobs: int = 1,
        engine: Callable[[], Grades] | None = None,
    ) -> None:
        """`told` hears for whom something was counted, on a thread of ours."""
        self._book = book
        self._told = told
        self._points: Mapping[str, int] = {id: exercise.points for id, exercise in course.exercises.items()}
        make = engine or (lambda: Engine(course, class_key=class_key))
        self._engines = [make() for _ in range(jobs)]
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._tries: dict[str, int] = {}
        self._timers: set[threading.Timer] = set()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(one,), daemon=True) for one in self._engines]

    def start(self) -> None:
        """Take up what waits. Raises Unprotected where the protections are not all there, EngineError where none starts."""
        missing = lacking(self._engines[0].protections())
        if missing:
            raise Unprotected(
                f"This machine cannot hold learner code back: {', '.join(missing)} missing. Nothing is graded here.",
                "Serve the class on Linux 5.13 or newer; `gradlings doctor` tells what is there.",
            )
        for key in self._book.waiting():
            self.add(key)
        for thread in self._threads:
            thread.start()

    def add(self, key: str) -> None:
        """Grade this next but those before it."""
        self._queue.put(key)

    @property
    def length(self) -> int:
        """About how many wait."""
        return self._queue.qsize()

    def close(self) -> None:
        """Stop; what is being graded waits for the next start."""
        self._closing.set()
        for timer in list(self._timers):
            timer.cancel()
        for _ in self._threads:
            self._queue.put(None)
        for engine in self._engines:
            engine.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=10)

    def _work(self, engine: Grades) -> None:
        while not self._closing.is_set():
            key = self._queue.get()
            if key is None:
                return
            try:
                self._grade(engine, key)
            except Cancelled:
                return
            except Exception as error:
                self._later(key, error)

    def _grade(self, engine: Grades, key: str) -> None:
        counted = self._book.settle(key, self._points)
        if counted is None:
            task = self._book.task(key)
            verdict = engine.grade(Submission(task.exercise, task.source, uses=task.uses))
            if verdict.status == "ungraded":
                raise EngineError(verdict.message)
            counted = self._book.record(key, verdict, threading.current_thread().name, self._points)
        self._tries.pop(key, None)
        if counted:
            self._told(counted)

    def _later(self, key: str, error: Exception) -> None:
        """The machine's fault and never the student's: at once again, then after a while, for as long as it takes."""
        message = error.message if isinstance(error, GradlingsError) else f"{type(error).__name__}: {error}"
        with contextlib.suppress(GradlingsError):
            self._book.trouble(key, message)
        self._tries[key] = self._tries.get(key, 0) + 1
        if self._tries[key] < TRIES:
            self._queue.put(key)
            return
        timer = threading.Timer(RETRY_S, self._again, (key,))
        timer.daemon = True
        self._timers = {one for one in self._timers if one.is_alive()} | {timer}
        timer.start()

    def _again(self, key: str) -> None:
        if not self._closing.is_set():
            self._queue.put(key)

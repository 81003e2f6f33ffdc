"""Starts and keeps judge and cell parent as programs of their own, and hands them gradings.

Survives the death of any of its processes: they are started again and the grading is repeated. Never loads torch or pytest,
never forks. One thread grades at a time; `cancel` and `close` may come from another.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from grader.course.uses import closure
from grader.engine.processes import Lost, Processes
from grader.errors import EngineError
from grader.model import Check, Course, Point, Step, Submission, Verdict

TRIES = 3
# Characters. An exercise takes a page; a parser takes seconds and gigabytes for a few MiB of brackets.
MAX_SOURCE = 256 << 10
RENEW_AFTER = 300
GRACE_S = 60


class Cancelled(Exception):
    """The grading was cancelled; there is no verdict."""


class Final(Exception):
    """Repeating would not help: a file of the course is broken."""


@dataclass(frozen=True)
class Graded:
    """A verdict with what was recorded on the way (`calls`, for `debug`)."""

    verdict: Verdict
    calls: list[list[Any]] = field(default_factory=list)


class Engine:
    """One judge and one cell parent. See the module's docstring for what may be called from where."""

    def __init__(self, course: Course, *, class_key: str = "", budget_s: float = 0.3) -> None:
        self._course = course
        self._class_key = class_key
        self._budget_s = budget_s
        self._processes: Processes | None = None
        self._next: Processes | None = None  # warming up, to take over
        self._number = 0
        self._cancelled = 0  # the number of the last grading that was cancelled
        self._graded = 0
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start the processes. Returns at once; they warm up in the background."""
        with self._lock:
            if self._processes is None and not self._closed:
                self._processes = Processes(self._course)

    @property
    def pids(self) -> tuple[int, ...]:
        """The running processes: judge and cell parent."""
        return () if self._processes is None else self._processes.pids

    def protections(self) -> tuple[str, ...]:
        """The protections in force, once warm. Raises EngineError where the processes do not start."""
        try:
            return self._ready().protections
        except Lost as error:
            raise self._failed(error) from None

    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict:
        """Grade a submission, blocking. `on_step` hears of checks as they end and of points of curves.

        It hears again of both after a repetition: what goes wrong on our side is repeated, and ends as a verdict with
        status "ungraded". Raises Cancelled after `cancel`.
        """
        return self.grade_recorded(submission, on_step).verdict

    def grade_recorded(
        self, submission: Submission, on_step: Callable[[Step], None] | None = None, want_calls: bool = False
    ) -> Graded:
        """Like `grade`, with the recorded calls where they are wanted."""
        exercise = self._course.exercises.get(submission.exercise)
        if exercise is None:
            raise EngineError(f"There is no exercise {submission.exercise} in {self._course.title}.")
        self._number += 1
        if sum(map(len, (submission.source, *submission.uses.values()))) > MAX_SOURCE:
            return Graded(_too_large(self._course, submission))
        request = self._request(submission, want_calls)
        told = on_step or (lambda _: None)
        reason = ""
        for _ in range(TRIES):
            try:
                processes = self._ready()
                if self._cancelled == self._number:  # while the processes were starting
                    raise Cancelled
                processes.send({"grade": request, "number": self._number})
                return self._follow(processes, exercise.limits.seconds, told)
            except Lost as error:
                reason = str(error)
                self._drop()
                if self._closed:
                    raise Cancelled from None
            except Final as error:
                reason = str(error)
                break
        return Graded(_ungraded(self._course, submission, reason))

    def cancel(self) -> None:
        """End the running grading with Cancelled. From any thread."""
        processes, number = self._processes, self._number
        self._cancelled = number
        if processes is not None:
            with contextlib.suppress(Lost):
                processes.send({"cancel": number})

    def close(self) -> None:
        """End all processes. From any thread, any number of times."""
        self._closed = True
        self._drop()

    def _request(self, submission: Submission, want_calls: bool) -> dict[str, Any]:
        course, exercise = self._course, self._course.exercises[submission.exercise]
        return {
            "course": course.name,
            "exercise": exercise.id,
            "source": submission.source.encode("utf-8", "replace").decode(),
            "suite": str(course.suite(exercise.id)),
            "reference": str(course.reference(exercise.id)),
            "uses": {id: text.encode("utf-8", "replace").decode() for id, text in submission.uses.items()},
            "reference_uses": {id: str(course.reference(id)) for id in closure(course, exercise.id)},
            "stub": str(course.stub(exercise.id)),
            "data": {name: str(course.data(exercise.id, name)) for name in exercise.data},
            "limits": exercise.limits,
            "forbid": exercise.forbid,
            "suite_version": exercise.suite_version,
            "salt": submission.salt,
            "class_key": self._class_key,
            "budget_s": self._budget_s,
            "want_calls": want_calls,
            "last": submission.last,
            "seed": submission.seed,
        }

    def _ready(self) -> Processes:
        if self._closed:
            raise Cancelled
        if self._processes is not None and self._graded >= RENEW_AFTER:
            self._renew()
        self.warm()
        processes = self._processes
        if processes is None:
            raise Cancelled
        processes.wait_until_ready()
        return processes

    def _follow(self, processes: Processes, seconds: float, on_step: Callable[[Step], None]) -> Graded:
        """Read what the judge says until the verdict."""
        while True:
            # A check may take its seconds, then its cell is asked where it is and killed; diagnosis has its own budget.
            message = processes.receive(time.monotonic() + 2 * seconds + self._budget_s + GRACE_S)
            if "check" in message:
                on_step(msgspec.convert(message["check"], Check))
            elif "point" in message:
                on_step(msgspec.convert(message["point"], Point))
            elif "verdict" in message:
                self._graded += 1
                return Graded(msgspec.convert(message["verdict"], Verdict), message["calls"])
            elif message.get("cancelled") == self._number:
                raise Cancelled
            elif "fault" in message:
                raise (Final if message["final"] else Lost)(message["fault"])

    def _renew(self) -> None:
        """Let fresh processes take over once they are warm; until then the old ones go on, and no grading waits."""
        with self._lock:
            if self._next is None and not self._closed:
                self._next = Processes(self._course)
                return
            if self._next is None or not self._next.has_spoken():
                return
            old, self._processes, self._next = self._processes, self._next, None
            self._graded = 0
        if old is not None:
            old.close()

    def _drop(self) -> None:
        with self._lock:
            dropped = (self._processes, self._next)
            self._processes = self._next = None
            self._graded = 0
        for processes in dropped:
            if processes is not None:
                processes.close()

    @staticmethod
    def _failed(error: Lost) -> EngineError:
        return EngineError(f"The grader's processes do not start: {error}", "`gradlings doctor` tells what is missing.")


def _too_large(course: Course, submission: Submission) -> Verdict:
    size = sum(map(len, (submission.source, *submission.uses.values()))) >> 10
    what = "The file and what it imports hold" if submission.uses else "The file holds"
    message = f"{what} {size} KiB; at most {MAX_SOURCE >> 10} are graded. Submit the exercise's file alone."
    return Verdict(course.name, submission.exercise, "error", 0.0, (), message=message)


def _ungraded(course: Course, submission: Submission, reason: str) -> Verdict:
    return Verdict(
        course.name,
        submission.exercise,
        "ungraded",
        0.0,
        (),
        message=f"The grader could not do its work, and this says nothing about your code: {reason or 'no reason known'}.",
    )

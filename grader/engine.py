"""Starts and keeps judge and cell parent as programs of their own, and hands them gradings.

Survives the death of any of its processes: they are started again and the grading is repeated. Never loads torch or pytest,
never forks. One thread grades at a time; `cancel` and `close` may come from another.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from grader.errors import EngineError
from grader.model import Check, Course, Submission, Verdict
from grader.wire import frames

TRIES = 3
RENEW_AFTER = 300
WARM_S = 180
GRACE_S = 60
PRACTICE_PLATFORMS = ("darwin", "win32")


class Cancelled(Exception):
    """The grading was cancelled; there is no verdict."""


class _Lost(Exception):
    """A process of ours ended or fell silent."""


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
        self._processes: _Processes | None = None
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
                self._processes = _Processes(self._course)

    @property
    def pids(self) -> tuple[int, ...]:
        """The running processes: judge and cell parent."""
        return () if self._processes is None else self._processes.pids

    def protections(self) -> tuple[str, ...]:
        """The protections in force, once warm. Raises EngineError where the processes do not start."""
        try:
            return self._ready().protections
        except _Lost as error:
            raise self._failed(error) from None

    def grade(self, submission: Submission, on_check: Callable[[Check], None] | None = None) -> Verdict:
        """Grade a submission, blocking. `on_check` hears of each check as it ends (again after a repetition).

        What goes wrong on our side is repeated, and ends as a verdict with status "ungraded". Raises Cancelled after `cancel`.
        """
        return self.grade_recorded(submission, on_check).verdict

    def grade_recorded(
        self, submission: Submission, on_check: Callable[[Check], None] | None = None, want_calls: bool = False
    ) -> Graded:
        """Like `grade`, with the recorded calls where they are wanted."""
        exercise = self._course.exercises.get(submission.exercise)
        if exercise is None:
            raise EngineError(f"There is no exercise {submission.exercise} in {self._course.title}.")
        self._number += 1
        request = self._request(submission, want_calls)
        told = on_check or (lambda _: None)
        reason = ""
        for _ in range(TRIES):
            try:
                processes = self._ready()
                if self._cancelled == self._number:  # while the processes were starting
                    raise Cancelled
                processes.send({"grade": request, "number": self._number})
                return self._follow(processes, exercise.limits.seconds, told)
            except _Lost as error:
                reason = str(error)
                self._drop()
                if self._closed:
                    raise Cancelled from None
            except _Final as error:
                reason = str(error)
                break
        return Graded(_ungraded(self._course, submission, reason))

    def cancel(self) -> None:
        """End the running grading with Cancelled. From any thread."""
        processes, number = self._processes, self._number
        self._cancelled = number
        if processes is not None:
            with contextlib.suppress(_Lost):
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
            "stub": str(course.stub(exercise.id)),
            "data": {name: str(course.data(exercise.id, name)) for name in exercise.data},
            "limits": exercise.limits,
            "forbid": exercise.forbid,
            "suite_version": exercise.suite_version,
            "salt": submission.salt,
            "class_key": self._class_key,
            "budget_s": self._budget_s,
            "want_calls": want_calls,
        }

    def _ready(self) -> _Processes:
        if self._closed:
            raise Cancelled
        if self._processes is not None and self._graded >= RENEW_AFTER:
            self._drop()
        self.warm()
        processes = self._processes
        if processes is None:
            raise Cancelled
        processes.wait_until_ready()
        return processes

    def _follow(self, processes: _Processes, seconds: float, on_check: Callable[[Check], None]) -> Graded:
        """Read what the judge says until the verdict."""
        while True:
            # A check may take its seconds, then its cell is asked where it is and killed; diagnosis has its own budget.
            message = processes.receive(time.monotonic() + 2 * seconds + self._budget_s + GRACE_S)
            if "check" in message:
                on_check(msgspec.convert(message["check"], Check))
            elif "verdict" in message:
                self._graded += 1
                return Graded(msgspec.convert(message["verdict"], Verdict), message["calls"])
            elif message.get("cancelled") == self._number:
                raise Cancelled
            elif "fault" in message:
                raise (_Final if message["final"] else _Lost)(message["fault"])

    def _drop(self) -> None:
        with self._lock:
            processes, self._processes = self._processes, None
            self._graded = 0
        if processes is not None:
            processes.close()

    @staticmethod
    def _failed(error: _Lost) -> EngineError:
        return EngineError(f"The grader's processes do not start: {error}", "`gradlings doctor` tells what is missing.")


class _Final(Exception):
    """Repeating would not help: a file of the course is broken."""


class _Processes:
    """A judge and a cell parent, joined by a socket of their own."""

    def __init__(self, course: Course) -> None:
        ours, theirs = socket.socketpair()
        judge_end, cell_end = socket.socketpair()
        self._engine = ours
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._sending = threading.Lock()
        self.protections: tuple[str, ...] = ()
        self._is_ready = False
        spare = (
            ["--spare"] if sys.platform in PRACTICE_PLATFORMS or os.environ.get("GRADLINGS_CELLS") == "spare" else []
        )
        self._children = [
            self._start("grader.judge", theirs, judge_end),
            self._start("grader.cell", cell_end, extra=spare),
        ]
        for end in (theirs, judge_end, cell_end):
            end.close()
        warm = course.warm
        # Not the root itself: an environment may lie inside it, and the cell needs its packages.
        hidden = [str(course.root / folder) for folder in ("exercises", "reference", "tests")]
        self._engine.setblocking(False)
        self.send({"warm": {"imports": list(warm.imports), "code": warm.code, "hidden": hidden}})

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(child.pid for child in self._children)

    def _start(self, module: str, *ends: socket.socket, extra: Iterable[str] = ()) -> subprocess.Popen[bytes]:
        fds = [end.fileno() for end in ends]
        return subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", module, *map(str, fds), *extra],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=fds,
            env=_environment(),
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal is the front end's to handle
        )

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the judge. Raises _Lost."""
        data = memoryview(frames.pack(b"m", msgspec.msgpack.encode(message)))
        with self._sending:
            while data:
                try:
                    data = data[self._engine.send(data) :]
                except BlockingIOError:
                    select.select([], [self._engine], [], 1.0)
                except OSError as error:
                    raise self._lost(error) from None

    def receive(self, deadline: float) -> dict[str, Any]:
        """The judge's next message. Raises _Lost where none comes by `deadline`."""
        try:
            frame = self._exactly(frames.HEADER, deadline)
            _, size = frames.header(frame)
            message: dict[str, Any] = msgspec.msgpack.decode(self._exactly(size, deadline))
            return message
        except (OSError, ValueError) as error:
            raise self._lost(error) from None

    def wait_until_ready(self) -> None:
        """Until the judge says that both are warm. Raises _Lost."""
        if not self._is_ready:
            ready = self.receive(time.monotonic() + WARM_S).get("ready")
            if ready is None:
                raise self._lost("the judge did not say it was ready")
            self.protections = tuple(ready["protections"])
            self._is_ready = True

    def close(self) -> None:
        """End both processes and whatever cell they had."""
        with contextlib.suppress(OSError):
            self._engine.shutdown(socket.SHUT_RDWR)
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()
        self._engine.close()
        self._log.close()

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise OSError("the judge fell silent")
            if not select.select([self._engine], [], [], min(left, 5.0))[0]:
                continue
            with contextlib.suppress(BlockingIOError):
                chunk = self._engine.recv(size - len(data))
                if not chunk:
                    raise OSError("the judge ended")
                data += chunk
        return bytes(data)

    def _lost(self, error: object) -> _Lost:
        """What happened, with the last line the processes wrote of their own."""
        with contextlib.suppress(OSError, ValueError):
            self._log.seek(0)
            lines = [line for line in self._log.read()[-4000:].decode("utf-8", "replace").splitlines() if line.strip()]
            if lines:
                return _Lost(f"{error}: {lines[-1].strip()[:300]}")
        return _Lost(str(error))


def _environment() -> dict[str, str]:
    """Nothing of the user's environment but where programs and temporary files lie; one thread for the numeric libraries."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT", "LANG") if name in os.environ}
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # torch._dynamo wants a temporary folder on import and settles for this one; a cell may write to none.
    one["TORCHINDUCTOR_CACHE_DIR"] = "/"
    return {**kept, **one, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}


def _ungraded(course: Course, submission: Submission, reason: str) -> Verdict:
    return Verdict(
        course.name,
        submission.exercise,
        "ungraded",
        0.0,
        (),
        message=f"The grader could not do its work, and this says nothing about your code: {reason or 'no reason known'}.",
    )


class EnginePool:
    """Several engines, each in a thread of its own."""

    def __init__(self, course: Course, jobs: int, **options: Any) -> None:
        self._engines = [Engine(course, **options) for _ in range(max(1, jobs))]

    def __enter__(self) -> EnginePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade_all(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]:
        """Each submission with its verdict, as they finish."""
        waiting: queue.SimpleQueue[Submission] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Submission, Verdict] | BaseException | None] = queue.SimpleQueue()
        count = 0
        for submission in submissions:
            waiting.put(submission)
            count += 1

        def work(engine: Engine) -> None:
            try:
                while True:
                    submission = waiting.get_nowait()
                    done.put((submission, engine.grade(submission)))
            except queue.Empty:
                done.put(None)
            except BaseException as error:
                done.put(error)

        engines = self._engines[: max(1, min(count, len(self._engines)))]
        for engine in engines:
            threading.Thread(target=work, args=(engine,), daemon=True).start()
        running = len(engines)
        while running:
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def close(self) -> None:
        """End all engines."""
        for engine in self._engines:
            engine.close()

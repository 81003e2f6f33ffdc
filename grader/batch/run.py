"""From a ledger with things to grade to a ledger with verdicts: hands them out, records what comes back, retries what failed.

Killed at any instant and begun again, it goes on with what has no verdict. A verdict is told of after it is on the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Any

from grader.batch import worker
from grader.batch.executors import Workers
from grader.batch.keys import environment
from grader.errors import EngineError, GradlingsError
from grader.model import Check, Course, Verdict
from grader.store.gradings import Task
from grader.store.ledger import Ledger
from grader.verdict_json import from_json

TRIES = 3
# So many wait at the workers for each that is graded: enough that none is idle, few enough that memory stays flat.
AHEAD = 2
# Workers may have joined meanwhile.
LOOK_S = 2.0

Answer = tuple[bytes, str]
Call = Callable[..., Answer]


@dataclass(frozen=True)
class Done:
    """One grading has ended: its task, and the verdict that is recorded now, or why there is none."""

    task: Task
    verdict: Verdict | None
    trouble: str = ""


def run(ledger: Ledger, course: Course, spec: str, workers: Workers, told: Callable[[Done], None]) -> int:
    """Grade all that waits in `ledger`, and record it. Returns how many could not be graded.

    What others build on comes first: where that does not pass, what builds on it is told so and not run. Raises StoreError, and
    Unusable where a worker is not fit for the course.
    """
    failed = 0
    for depth in range(ledger.depth() + 1):
        ready = []
        for key in ledger.waiting(depth):
            found = _unfit(ledger, course, ledger.task(key)) if depth else None
            if found is None:
                ready.append(key)
            else:
                failed += _settle(ledger, told, ledger.task(key), found)
        for key, answer in _answers(ledger, spec, workers, ready, worker.grade):
            if isinstance(answer, str):
                failed += 1
                told(Done(ledger.task(key), None, answer))
            else:
                verdict = from_json(answer[0])
                ledger.record(key, verdict, answer[1])
                told(Done(ledger.task(key), verdict))
    return failed


def compare(ledger: Ledger, spec: str, workers: Workers, told: Callable[[], None]) -> None:
    """Ask the failures that nothing was said about, and whose failing checks are the same, the same questions.

    Those that answer alike are alike. What cannot be asked is left out: it says nothing about anybody.
    """
    for key, answer in _answers(ledger, spec, workers, ledger.comparable(), worker.answers):
        if not isinstance(answer, str):
            ledger.compared(key, answer[0].decode())
        told()


def _answers(
    ledger: Ledger, spec: str, workers: Workers, keys: Iterable[str], call: Call
) -> Iterator[tuple[str, Answer | str]]:
    """What `call` answers for each of `keys`, as they come; or why it cannot, after it was tried several times."""
    waiting = deque((key, 1) for key in keys)
    under: dict[Future[Answer], tuple[str, int]] = {}
    here = environment()
    try:
        while waiting or under:
            while waiting and len(under) < max(1, AHEAD * _slots(workers)):
                key, tries = waiting.popleft()
                task = ledger.task(key)
                arguments = (spec, here, task.exercise, task.suite_sha256, task.source, dict(task.uses))
                under[_submit(workers, call, arguments)] = (key, tries)
            for future in wait(under, timeout=LOOK_S, return_when=FIRST_COMPLETED).done:
                key, tries = under.pop(future)
                try:
                    answer = future.result()
                except worker.Unusable:
                    raise
                except (Exception, CancelledError) as error:
                    # The worker died, was cut off, or its engine could not do its work: never the student's fault.
                    why = error.message if isinstance(error, GradlingsError) else f"{type(error).__name__}: {error}"
                    ledger.trouble(key, why)
                    if tries < TRIES:
                        waiting.append((key, tries + 1))
                    else:
                        yield key, why
                else:
                    yield key, answer
    finally:
        for future in under:
            future.cancel()


def _slots(workers: Workers) -> int:
    try:
        return workers.slots()
    except Exception as error:
        raise _gone(workers, error) from error


def _submit(workers: Workers, call: Call, arguments: tuple[Any, ...]) -> Future[Answer]:
    try:
        return workers.executor.submit(call, *arguments)
    except Exception as error:
        raise _gone(workers, error) from error


def _gone(workers: Workers, error: Exception) -> EngineError:
    return EngineError(
        f"{workers.called} takes no more work: {type(error).__name__}: {error}.",
        "What was graded is kept. See that it runs; the same command then goes on.",
    )


def _settle(ledger: Ledger, told: Callable[[Done], None], task: Task, found: Verdict | str) -> int:
    """Record what is said of a task that is not run; 1 where that is no verdict."""
    if isinstance(found, str):
        ledger.trouble(task.key, found)
        told(Done(task, None, found))
        return 1
    ledger.record(task.key, found, worker.name())
    told(Done(task, found))
    return 0


def _unfit(ledger: Ledger, course: Course, task: Task) -> Verdict | str | None:
    """What is to be said of a task whose earlier solutions do not pass: a verdict; or, where one has none, why it must wait."""
    statuses = ledger.statuses(task.needs)
    for exercise, status in statuses.values():
        if status is None:
            return f"it builds on {exercise}, which could not be graded"
    wrong = [exercise for exercise, status in statuses.values() if status != "passed"]
    if not wrong:
        return None
    message = f"It builds on {wrong[0]}, and the solution of it that was handed in does not pass. Do {wrong[0]} first."
    check = Check("uses", "The earlier solutions that it builds on pass", "error", message)
    return Verdict(
        course.name,
        task.exercise,
        "error",
        0.0,
        (check,),
        message=message,
        suite_sha256=task.suite_sha256,
        suite_version=course.exercises[task.exercise].suite_version,
    )

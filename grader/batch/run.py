"""From a ledger with things to grade to a ledger with verdicts: hands them out, records what comes back, retries what failed.

Killed at any instant and begun again, it goes on with what has no verdict. A verdict is told of after it is on the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass

from grader.batch import worker
from grader.batch.executors import Workers
from grader.batch.keys import environment
from grader.errors import GradlingsError
from grader.model import Check, Course, Verdict
from grader.store.ledger import Ledger, Task
from grader.verdict_json import from_json

TRIES = 3
# So many wait at the workers for each that is graded: enough that none is idle, few enough that memory stays flat.
AHEAD = 2
LOOK_S = 2.0


@dataclass(frozen=True)
class Done:
    """One grading has ended: its task, and the verdict that is recorded now, or why there is none."""

    task: Task
    verdict: Verdict | None
    trouble: str = ""


@dataclass
class _Under:
    key: str
    tries: int


def run(ledger: Ledger, course: Course, spec: str, workers: Workers, told: Callable[[Done], None]) -> int:
    """Grade all that waits in `ledger`, and record it. Returns how many could not be graded.

    What others build on comes first: where that does not pass, what builds on it is told so and not run. Raises StoreError, and
    Unusable where a worker is not fit for the course.
    """
    failed = 0
    for depth in range(ledger.depth() + 1):
        failed += _run_depth(ledger, course, spec, workers, told, depth)
    return failed


def _run_depth(
    ledger: Ledger, course: Course, spec: str, workers: Workers, told: Callable[[Done], None], depth: int
) -> int:
    waiting = deque(_Under(key, 0) for key in ledger.waiting(depth))
    under: dict[Future[tuple[bytes, str, str]], _Under] = {}
    here, failed = environment(), 0
    try:
        while waiting or under:
            while waiting and len(under) < max(1, AHEAD * workers.slots()):
                item = waiting.popleft()
                task = ledger.task(item.key)
                found = _unfit(ledger, course, task) if task.needs else None
                if found is not None:
                    failed += _settle(ledger, told, task, found)
                    continue
                arguments = (spec, here, task.exercise, task.suite_sha256, task.source, dict(task.uses))
                under[workers.executor.submit(worker.grade, *arguments)] = item
            ended, _ = wait(under, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            for future in ended:
                item = under.pop(future)
                failed += _take(ledger, told, future, item, waiting)
    finally:
        for future in under:
            future.cancel()
    return failed


def _take(
    ledger: Ledger,
    told: Callable[[Done], None],
    future: Future[tuple[bytes, str, str]],
    item: _Under,
    waiting: deque[_Under],
) -> int:
    """Record what a future brought; 1 where it is given up."""
    try:
        body, answers, who = future.result()
        verdict = from_json(body)
    except worker.Unusable:
        raise
    except (Exception, CancelledError) as error:
        # The worker died, was cut off, or its engine could not do its work: never the student's fault.
        item.tries += 1
        why = error.message if isinstance(error, GradlingsError) else f"{type(error).__name__}: {error}"
        ledger.trouble(item.key, why)
        if item.tries < TRIES:
            waiting.append(item)
            return 0
        told(Done(ledger.task(item.key), None, why))
        return 1
    ledger.record(item.key, verdict, answers or None, who)
    told(Done(ledger.task(item.key), verdict))
    return 0


def _settle(ledger: Ledger, told: Callable[[Done], None], task: Task, found: Verdict | str) -> int:
    if isinstance(found, str):
        ledger.trouble(task.key, found)
        told(Done(task, None, found))
        return 1
    ledger.record(task.key, found, None, worker.name())
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

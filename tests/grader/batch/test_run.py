"""A batch with real engines: verdicts, retries, what builds on what; killed at random instants and begun again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from grader.batch import worker
from grader.batch.collect import collect
from grader.batch.executors import Workers, local
from grader.batch.run import TRIES, Done, compare, run
from grader.course.read import find_course
from grader.course.source import worked_solution
from grader.course.uses import closure
from grader.errors import EngineError
from grader.model import Course
from grader.store.ledger import Ledger
from grader.store.ledger_opening import open_ledger
from tests.grader.batch.conftest import ENDLESS, EXCHANGED, MINICOURSE, RIGHT, UNNAMED, Put, batch

# A hundred, as `docs/batch.md` tells, with GRADLINGS_KILLS=100.
KILLS = int(os.environ.get("GRADLINGS_KILLS", "6"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db") as opened:
        yield opened


def graded(ledger: Ledger, course: Course, folder: Path, workers: Workers, spec: str = str(MINICOURSE)) -> list[Done]:
    found = collect(folder, course)
    ledger.begin(course.name, found.works, found.tasks.values())
    told: list[Done] = []
    run(ledger, course, spec, workers, told.append)
    compare(ledger, spec, workers, lambda: None)
    return told


def statuses(ledger: Ledger) -> dict[str, str | None]:
    return {r.work.student: r.verdict.status if r.verdict else None for r in ledger.results()}


def test_verdicts_diagnoses_and_what_is_alike(ledger: Ledger, course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    put("grace/clamp.py", EXCHANGED)
    put("kay/clamp.py", (MINICOURSE / "exercises/numbers/clamp.py").read_bytes())
    put("tim/clamp.py", "def clamp(")
    put("one/clamp.py", UNNAMED)
    put("two/clamp.py", "# in other words\ndef clamp(a, b, c):\n    a = a + 1\n    return max(b, min(a, c))\n")
    put("three/clamp.py", "def clamp(x, low, high):\n    return max(low, min(x + 2, high))\n")
    with local(2) as workers:
        told = graded(ledger, course, folder, workers)
    assert len(told) == 7
    assert statuses(ledger) == {
        "ada": "passed", "grace": "failed", "kay": "not_started", "tim": "error",
        "one": "failed", "two": "failed", "three": "failed",
    }  # fmt: skip
    found = {r.work.student: r for r in ledger.results()}
    assert any(check.diagnosis for check in found["grace"].verdict.checks)  # type: ignore[union-attr]
    assert found["grace"].answers is None
    assert found["one"].answers == found["two"].answers
    assert found["one"].answers not in (None, found["three"].answers)


def test_a_hostile_one_changes_nobody_elses_verdict(ledger: Ledger, course: Course, folder: Path, put: Put) -> None:
    put("endless/clamp.py", ENDLESS)
    put("exit/clamp.py", "import os\nos._exit(0)\n")
    put("kill/clamp.py", "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n")
    for number in range(8):
        put(f"honest{number}/clamp.py", f"{RIGHT}# {number}\n")
    with local(2) as workers:
        graded(ledger, course, folder, workers)
    found = statuses(ledger)
    assert {found.pop(name) for name in ("endless", "exit", "kill")} == {"error"}
    assert set(found.values()) == {"passed"}


def test_it_goes_on_where_it_was(ledger: Ledger, course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    with local(1) as workers:
        assert len(graded(ledger, course, folder, workers)) == 1
        put("grace/clamp.py", EXCHANGED)
        assert [done.task.source for done in graded(ledger, course, folder, workers)] == [EXCHANGED]
        assert graded(ledger, course, folder, workers) == []


class Failing(Executor):
    """Runs at once in this thread; `fails` says of each call whether the worker dies with it."""

    def __init__(self, fails: Callable[[int], Exception | None]) -> None:
        self.calls = 0
        self._fails = fails

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls += 1
        error = self._fails(self.calls)
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(function(*args, **kwargs))
        return future


@pytest.fixture
def no_engines_left() -> Iterator[None]:
    yield
    worker.close()


@pytest.mark.usefixtures("no_engines_left")
def test_a_worker_that_dies_is_replaced(ledger: Ledger, course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    executor = Failing(lambda call: EngineError("the worker died") if call < TRIES else None)
    told = graded(ledger, course, folder, Workers(executor, lambda: 1, "here"))
    assert [done.verdict.status for done in told if done.verdict] == ["passed"]
    assert executor.calls == TRIES


@pytest.mark.usefixtures("no_engines_left")
def test_what_cannot_be_graded_is_no_zero_and_is_tried_again(
    ledger: Ledger, course: Course, folder: Path, put: Put
) -> None:
    put("ada/clamp.py")
    told = graded(ledger, course, folder, Workers(Failing(lambda _: EngineError("no memory")), lambda: 1, "here"))
    assert [(done.verdict, done.trouble) for done in told] == [(None, "no memory")]
    assert statuses(ledger) == {"ada": None}
    graded(ledger, course, folder, Workers(Failing(lambda _: None), lambda: 1, "here"))
    assert statuses(ledger) == {"ada": "passed"}


def test_a_worker_with_another_course_ends_the_batch(ledger: Ledger, course: Course, folder: Path, put: Put) -> None:
    put("ada/clamp.py")
    with local(1) as workers, pytest.raises(worker.Unusable, match=r"another version of numbers/clamp|cannot read"):
        graded(ledger, course, folder, workers, spec="")
    assert statuses(ledger) == {"ada": None}


def test_a_worker_with_other_libraries_ends_the_batch() -> None:
    with pytest.raises(worker.Unusable, match=r"torch 1\.0 was expected"):
        worker.grade(str(MINICOURSE), "torch 1.0", "numbers/clamp", "", RIGHT, {})


def test_what_builds_on_a_wrong_solution_is_told_so(ledger: Ledger, folder: Path, put: Put) -> None:
    course = find_course(None)

    def solution(id: str) -> str:
        return worked_solution(course.reference(id).read_text(encoding="utf-8"))

    rope, cache = "positional_encoding/rope", "attention/kv_cache"
    for student, text in (("ada", solution(rope)), ("grace", "def rope(x, *a, **k):\n    return x\n")):
        put(f"{student}/{rope}.py", text)
        for id in {cache, *closure(course, cache)} - {rope}:
            put(f"{student}/{id}.py", solution(id))
    with local(2) as workers:
        graded(ledger, course, folder, workers, spec="")
    found = {(r.work.student, r.work.exercise): r.verdict for r in ledger.results()}
    assert found["ada", rope].status == found["ada", cache].status == "passed"  # type: ignore[union-attr]
    assert found["grace", rope].status == "error"  # type: ignore[union-attr]
    assert found["grace", cache].status == "error"  # type: ignore[union-attr]
    assert f"Do {rope} first" in found["grace", cache].message  # type: ignore[union-attr]


def recorded(path: Path) -> dict[str, tuple[str, str]]:
    """When and by whom each key was graded, of those that are."""
    if not path.is_file():
        return {}
    with sqlite3.connect(path, timeout=20) as connection:
        try:
            rows = connection.execute("SELECT key, finished_at, worker FROM grading WHERE status IS NOT NULL")
        except sqlite3.OperationalError:  # killed before the tables were made
            return {}
        return {key: (at, who) for key, at, who in rows}


@pytest.mark.timeout(900)
def test_killed_at_random_instants_it_loses_nothing_and_grades_nothing_twice(
    tmp_path: Path, folder: Path, put: Put
) -> None:
    for number in range(4 * KILLS):
        put(f"student{number:03}/clamp.py", f"{EXCHANGED if number % 3 else RIGHT}# {number}\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "grader.cli", "batch", folder, "--course", MINICOURSE, "-o", out, "-j", "2"]
    chance = random.Random(0)
    before: dict[str, tuple[str, str]] = {}
    for _ in range(KILLS):
        process = subprocess.Popen(
            [*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        # Most of it within the time that grading takes, which begins when the engines are warm.
        started, wanted = time.monotonic(), len(before) + chance.randrange(8)
        while process.poll() is None and time.monotonic() - started < 20 and len(recorded(out / "ledger.db")) < wanted:
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = recorded(out / "ledger.db")
        assert {key: after[key] for key in before} == before
        before = after
    batch(folder, "-o", out)
    after = recorded(out / "ledger.db")
    assert {key: after[key] for key in before} == before
    assert len(after) == 4 * KILLS
    with sqlite3.connect(out / "ledger.db") as connection:
        tries = Counter(number for (number,) in connection.execute("SELECT tries FROM grading"))
    assert tries == {1: 4 * KILLS}

"""The engine on the mini-course: statuses told apart, processes that die, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from grader.course.read import find_course
from grader.engine import Cancelled, Engine, EnginePool
from grader.model import Check, Course, Forbidden, Limits, Submission

MINI = Path(__file__).parents[1] / "minicourse"
LOOP = "def clamp(x, low, high):\n    while True: pass\n"


def with_limits(course: Course, **changes: object) -> Course:
    """The course with every exercise changed."""
    topics = tuple(
        replace(topic, exercises=tuple(replace(exercise, **changes) for exercise in topic.exercises))
        for topic in course.topics
    )
    return replace(course, topics=topics)


@pytest.fixture(scope="module")
def course() -> Course:
    return with_limits(find_course(str(MINI)), limits=Limits(seconds=1.0, memory_mib=256, output_mib=1))


@pytest.fixture(scope="module")
def engine(course: Course) -> Iterator[Engine]:
    with Engine(course) as engine:
        yield engine


def right(course: Course, exercise: str = "numbers/clamp") -> Submission:
    return Submission(exercise, course.reference(exercise).read_text())


def test_reference_passes_and_says_how(engine: Engine, course: Course) -> None:
    verdict = engine.grade(right(course))
    assert (verdict.status, verdict.score, verdict.schema) == ("passed", 1.0, 1)
    assert {check.status for check in verdict.checks} == {"passed"}
    assert "seccomp" in verdict.protections
    assert verdict.versions["python"] == sys.version.split()[0]
    assert len(verdict.source_sha256) == len(verdict.suite_sha256) == 64


def test_stub_is_not_started(engine: Engine, course: Course) -> None:
    stub = course.stub("numbers/clamp").read_text()
    for source in (stub, stub + "\n# a comment\n"):
        verdict = engine.grade(Submission("numbers/clamp", source))
        assert (verdict.status, verdict.score) == ("not_started", 0.0)
        assert {check.status for check in verdict.checks} == {"not_run"}


def test_wrong_answer_fails_and_is_named(engine: Engine) -> None:
    verdict = engine.grade(Submission("numbers/clamp", "def clamp(x, low, high):\n    return min(max(x, high), low)\n"))
    assert verdict.status == "failed"
    assert verdict.score < 1
    assert {check.diagnosis.message for check in verdict.checks if check.diagnosis}


@pytest.mark.parametrize(
    ("body", "status", "says", "line"),
    [
        ("    while True: pass\n", "timeout", "No answer within 1 s", "while True: pass"),
        ("    import time\n    time.sleep(100)\n", "timeout", "No answer within 1 s", "time.sleep(100)"),
        ("    return sum(range(10**15))\n", "timeout", "No answer within 1 s", "return sum(range(10**15))"),
        ("    import os\n    os._exit(0)\n", "error", "ended the Python process (exit status 0)", None),
        ("    import ctypes\n    ctypes.string_at(0)\n", "error", "segmentation fault", "ctypes.string_at(0)"),
        ("    raise SystemExit(0)\n", "error", "asked Python to exit", "raise SystemExit(0)"),
        ("    return x.nothing\n", "error", "AttributeError", "return x.nothing"),
        ("    return [0] * 10**10\n", "error", "ran out of memory", "return [0] * 10**10"),
        ("    while True:\n        print('x' * 1000)\n", "error", "printed more than 1 MiB", None),
        ("    return clamp(x, low, high)\n", "error", "RecursionError", "return clamp(x, low, high)"),
    ],
)
def test_what_went_wrong_is_told_apart(engine: Engine, body: str, status: str, says: str, line: str | None) -> None:
    verdict = engine.grade(Submission("numbers/clamp", f"def clamp(x, low, high):\n{body}"))
    first = verdict.checks[0]
    assert verdict.status == "error"
    assert verdict.score == 0
    assert first.status == status
    assert says in first.message
    if line:
        assert first.traceback[-1].code == line
        assert first.traceback[-1].file == "numbers/clamp.py"


@pytest.mark.parametrize(
    ("source", "says", "line"),
    [
        ("def clamp(x:\n", "SyntaxError", 1),
        ("import nothing_of_that_name\n", "ModuleNotFoundError", 1),
        ("x = 1\nwhile True:\n    pass\n", "No answer within 1 s", 2),
        ("import os\nos._exit(3)\n", "exit status 3", None),
        ("x = 0\n1 / x\n", "ZeroDivisionError", 2),
    ],
)
def test_file_that_does_not_load(engine: Engine, source: str, says: str, line: int | None) -> None:
    verdict = engine.grade(Submission("numbers/clamp", source))
    assert verdict.status == "error"
    assert says in verdict.message
    assert verdict.checks[0].message == verdict.message
    assert {check.status for check in verdict.checks[1:]} == {"not_run"}
    if line:
        assert verdict.checks[0].traceback[-1].line in (line, line + 1)


def test_missing_function_is_named(engine: Engine) -> None:
    verdict = engine.grade(Submission("numbers/clamp", "def clmap(x, low, high):\n    return x\n"))
    assert "There is no `clamp` in your file" in verdict.checks[0].message


def test_output_stands_beside_its_check(engine: Engine) -> None:
    source = "print('at import')\ndef clamp(x, low, high):\n    print('called')\n    return max(low, min(high, x))\n"
    verdict = engine.grade(Submission("numbers/clamp", source))
    assert verdict.passed
    assert verdict.checks[0].output.startswith("at import\ncalled\n")
    assert "at import" not in verdict.checks[1].output
    assert verdict.checks[1].output.startswith("called\n")


def test_breakpoint_says_where_to_go(engine: Engine) -> None:
    source = "def clamp(x, low, high):\n    breakpoint()\n    return max(low, min(high, x))\n"
    verdict = engine.grade(Submission("numbers/clamp", source))
    assert verdict.passed
    assert "gradlings debug" in verdict.checks[0].output


def test_same_source_same_verdict_other_salt_other_seed(engine: Engine, course: Course) -> None:
    first, second = engine.grade(right(course)), engine.grade(right(course))
    other = engine.grade(replace(right(course), salt="another"))
    assert first.seed == second.seed != other.seed


def test_forbidden_call_is_named(course: Course) -> None:
    forbidding = with_limits(course, forbid=(Forbidden("math.fabs", "it is the point of the exercise"),))
    alias = "from math import fabs as f\ndef clamp(x, low, high):\n    return f(x)\n"
    hidden = "import math\ndef clamp(x, low, high):\n    return getattr(math, 'fa' + 'bs')(x)\n"
    with Engine(forbidding) as engine:
        for source in (alias, hidden):
            verdict = engine.grade(Submission("numbers/clamp", source))
            check = verdict.checks[-1]
            assert (check.id, check.status) == ("no_shortcuts", "failed")
            assert check.message == "math.fabs is not allowed here: it is the point of the exercise"
            assert verdict.score == 0
            assert not verdict.passed
        assert engine.grade(right(course)).passed


def test_checks_are_told_as_they_finish(engine: Engine, course: Course) -> None:
    heard: list[Check] = []
    verdict = engine.grade(right(course), heard.append)
    assert [check.id for check in heard] == [check.id for check in verdict.checks]


@pytest.mark.parametrize("which", [0, 1])
def test_death_of_a_process_is_survived(course: Course, which: int) -> None:
    with Engine(course) as engine:
        assert engine.grade(right(course)).passed
        before = engine.pids
        os.kill(before[which], signal.SIGKILL)
        assert engine.grade(right(course)).passed
        assert engine.pids != before
        assert not any(psutil.pid_exists(pid) for pid in before)


@pytest.mark.parametrize("which", [0, 1])
def test_death_during_a_grading_repeats_it(course: Course, which: int) -> None:
    with Engine(course) as engine:
        engine.protections()
        killed = threading.Event()

        def kill_once(_: Check) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(engine.pids[which], signal.SIGKILL)

        assert engine.grade(right(course), kill_once).passed
        assert killed.is_set()


def test_broken_suite_is_ungraded_and_never_a_zero(tmp_path: Path) -> None:
    root = copy_of_course(tmp_path)
    suite = root / "tests" / "exercises" / "numbers" / "test_clamp.py"
    suite.write_text("import nothing_of_that_name\n")
    course = find_course(str(root))
    with Engine(course) as engine:
        verdict = engine.grade(right(course))
        assert verdict.status == "ungraded"
        assert "test_clamp.py" in verdict.message
        assert engine.grade(right(course, "numbers/slope")).passed


def test_suite_edited_within_a_second_is_run_afresh(tmp_path: Path) -> None:
    root = copy_of_course(tmp_path)
    course = find_course(str(root))
    suite = course.suite("numbers/clamp")
    with Engine(course) as engine:
        for word in ("one", "two"):
            suite.write_text(f'def test_{word}(solution):\n    """{word}."""\n')
            assert [check.id for check in engine.grade(right(course)).checks] == [word]


def copy_of_course(tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(MINI, tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__")))


def test_judge_is_replaced_without_a_wait(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.engine.core.RENEW_AFTER", 3)
    with Engine(course) as engine:
        engine.protections()
        seen = set()
        end = time.monotonic() + 60
        while len(seen) < 2 and time.monotonic() < end:
            assert engine.grade(right(course)).passed
            seen.add(engine.pids)
        assert len(seen) == 2
        old = next(pids for pids in seen if pids != engine.pids)
        assert not any(psutil.pid_exists(pid) for pid in old)


def test_cancel_ends_a_grading_at_once(course: Course) -> None:
    patient = with_limits(course, limits=Limits(seconds=60.0))
    with Engine(patient) as engine:
        engine.protections()
        timer = threading.Timer(0.3, engine.cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            engine.grade(Submission("numbers/clamp", LOOP))
        assert time.monotonic() - started < 10
        assert engine.grade(right(course)).passed


def test_cancel_while_warming_up(course: Course) -> None:
    with Engine(with_limits(course, limits=Limits(seconds=60.0))) as engine:
        timer = threading.Timer(0.05, engine.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            engine.grade(Submission("numbers/clamp", LOOP))
        assert engine.grade(right(course)).passed


def test_close_leaves_no_process(course: Course) -> None:
    engine = Engine(course)
    engine.protections()
    family = [p for pid in engine.pids for p in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))]
    assert len(family) >= 2
    engine.close()
    engine.close()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_processes_end_when_the_engine_is_killed() -> None:
    program = (
        "import sys, time\nfrom grader.course.read import find_course\nfrom grader.engine import Engine\n"
        f"engine = Engine(find_course({str(MINI)!r}))\nengine.protections()\nprint(*engine.pids, flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        family = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        family += [child for process in family for child in process.children(recursive=True)]
        owner.kill()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


def test_pool_grades_all(course: Course) -> None:
    ids = list(course.exercises)
    with EnginePool(course, 2) as pool:
        graded = {
            submission.exercise: verdict.status for submission, verdict in pool.grade_all(right(course, i) for i in ids)
        }
    assert graded == dict.fromkeys(ids, "passed")


def test_without_fork_a_spare_process_grades(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADLINGS_CELLS", "spare")
    with Engine(course) as engine:
        verdict = engine.grade(right(course))
        assert verdict.passed
        assert verdict.protections == ("practice",)
        late = engine.grade(Submission("numbers/clamp", LOOP))
        assert late.checks[0].status == "timeout"
        assert late.checks[0].traceback[-1].code == "while True: pass"
        assert engine.grade(right(course)).passed


def test_engine_never_loads_torch_or_pytest() -> None:
    program = "import sys, grader.engine; print(sorted({'torch', 'numpy', 'pytest', 'sqlalchemy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

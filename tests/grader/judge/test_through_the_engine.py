"""What only whole gradings show: suites that hang, help beside checks, `pytest.raises`, lies told in call-backs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.course.read import find_course
from grader.engine import Engine, core
from grader.model import Course, Limits, Submission

MINI = Path(__file__).parents[2] / "minicourse"
REFERENCE = '''
"""Two functions."""
from grader.marks import mistake


def area(r):
    """The area."""
    return 3.0 * r * r


def edge(r):
    """The edge."""
    if r < 0:
        raise ValueError("negative")
    return 6.0 * r


@mistake("The radius is not squared.", of="area", hint=2)
def not_squared(r):
    return 3.0 * r


@mistake("The edge is doubled.", of="edge", hint=1)
def doubled(r):
    if r < 0:
        raise ValueError("negative")
    return 12.0 * r
'''
SUITE = '''
"""Hidden."""
import pytest
from grader.testing import assert_close


def test_area(solution):
    """The area is right"""
    assert_close(solution.area(2.5), 18.75)


def test_edge(solution):
    """The edge is right"""
    assert_close(solution.edge(2.5), 15.0)


def test_ratio(solution):
    """Their ratio is right"""
    assert_close(solution.area(4.0) / solution.edge(4.0), 2.0)


def test_negative(solution):
    """A negative radius is refused"""
    with pytest.raises(ValueError):
        solution.edge(-1.0)
'''


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(MINI, folder / "course", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    root = copied(tmp_path_factory.mktemp("pair"))
    (root / "reference/numbers/clamp.py").write_text(REFERENCE)
    (root / "tests/exercises/numbers/test_clamp.py").write_text(SUITE)
    return find_course(str(root))


@pytest.fixture(scope="module")
def engine(course: Course) -> Iterator[Engine]:
    with Engine(course, budget_s=5.0) as engine:
        yield engine


def told(engine: Engine, area: str, edge: str) -> dict[str, tuple[str, str | None]]:
    source = f"def area(r):\n    return {area}\n\ndef edge(r):\n    {edge}\n"
    verdict = engine.grade(Submission("numbers/clamp", source))
    return {check.id: (check.status, check.diagnosis.mistake if check.diagnosis else None) for check in verdict.checks}


RAISES = "if r < 0: raise ValueError()\n    return "


def test_of_two_mistakes_each_check_is_told_its_own(engine: Engine) -> None:
    assert told(engine, "r * 3.0", RAISES + "r * 12.0") == {
        "area": ("failed", "not_squared"),
        "edge": ("failed", "doubled"),
        "ratio": ("failed", "not_squared+doubled"),
        "negative": ("passed", None),
    }


def test_one_mistake_and_something_else_is_not_named(engine: Engine) -> None:
    assert told(engine, "r * 3.0", "return r * 6.0") == {
        "area": ("failed", None),
        "edge": ("passed", None),
        "ratio": ("failed", None),
        "negative": ("failed", None),
    }


def test_an_exception_that_was_not_raised_is_told_in_words(engine: Engine) -> None:
    source = "def area(r):\n    return 3 * r * r\n\ndef edge(r):\n    return 6.0 * r\n"
    check = engine.grade(Submission("numbers/clamp", source)).checks[-1]
    assert check.message == "Your code should have raised ValueError here, and did not."


def test_a_suite_that_hangs_at_import_is_ungraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = copied(tmp_path)
    (root / "tests/exercises/numbers/test_clamp.py").write_text("import time\ntime.sleep(600)\ndef test_a(): pass\n")
    course = find_course(str(root))
    quick = tuple(
        replace(topic, exercises=tuple(replace(e, limits=Limits(seconds=0.2)) for e in topic.exercises))
        for topic in course.topics
    )
    monkeypatch.setattr(core, "GRACE_S", 0.5)
    monkeypatch.setattr(core, "TRIES", 1)
    with Engine(replace(course, topics=quick)) as engine:
        engine.protections()
        started = time.monotonic()
        verdict = engine.grade(Submission("numbers/clamp", "def clamp(x, low, high):\n    return x\n"))
        assert verdict.status == "ungraded"
        assert "fell silent" in verdict.message
        assert time.monotonic() - started < 30
        assert engine.pids == ()


def test_a_suite_edited_between_two_saves_counts_as_it_is_now(tmp_path: Path) -> None:
    """The judge collects the last suite again while nobody waits: not that copy, and each copy once."""
    root = copied(tmp_path)
    suite = root / "tests/exercises/numbers/test_clamp.py"
    source = "def clamp(x, low, high):\n    return x\n"
    once = "SEEN = []\ndef test_{}(solution):\n    SEEN.append(solution.clamp(1, 0, 2))\n    assert SEEN == [1]\n"
    with Engine(find_course(str(root))) as engine:
        for name in ("a", "a", "b", "b"):
            suite.write_text(once.format(name))
            verdict = engine.grade(Submission("numbers/clamp", source))
            assert [(check.id, check.status) for check in verdict.checks] == [(name, "passed")]
            time.sleep(0.1)  # time enough to collect it

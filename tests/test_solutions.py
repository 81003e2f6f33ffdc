"""Solutions that the suites' authors did not write, graded in the engine: right ones pass, wrong ones fail and are told why.

`tests/solutions/<topic>/<name>/right_*.py` and `wrong_*.py`; each begins with a docstring: the style it is written in, or what is
wrong with it. A wrong one may hold lines `# says: TEXT`: each TEXT must stand in what the learner is told about the first
check that is not passed (message, diagnosis, relation). A line `# open: REASON` says that it still passes, and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.course.read import find_course
from grader.course.uses import of_references
from grader.engine import Engine
from grader.model import Submission, Verdict

ROOT = Path(__file__).parent / "solutions"
BUDGET_S = 5.0
FILES = sorted(ROOT.glob("*/*/*.py"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    # As in courses and not as on a save: what is said must not depend on how busy the machine is.
    with Engine(find_course(None), budget_s=BUDGET_S) as engine:
        yield engine


def grade(engine: Engine, path: Path) -> Verdict:
    id, source = "/".join(path.parts[-3:-1]), path.read_text(encoding="utf-8")
    return engine.grade(Submission(id, source, uses=of_references(find_course(None), id, source)))


def told(verdict: Verdict) -> str:
    """All that is said about the first check that is not passed."""
    check = next(check for check in verdict.checks if check.status not in ("passed", "not_run"))
    diagnosis = check.diagnosis.message if check.diagnosis else ""
    return f"{check.title}\n{check.message}\n{diagnosis}\n{check.relation or ''}"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name.startswith("right_")], ids=lambda p: "/".join(p.parts[-3:])
)
def test_right_solution_passes(engine: Engine, path: Path) -> None:
    verdict = grade(engine, path)
    assert verdict.passed, told(verdict)


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name.startswith("wrong_")], ids=lambda p: "/".join(p.parts[-3:])
)
def test_wrong_solution_fails_and_is_told_why(engine: Engine, path: Path) -> None:
    verdict = grade(engine, path)
    text = path.read_text(encoding="utf-8")
    if re.search(r"^# open: .", text, re.MULTILINE):
        assert verdict.passed, "it is caught now: take its line `# open:` out"
        return
    assert verdict.status in ("failed", "error")
    for words in re.findall(r"^# says: (.+)$", text, re.MULTILINE):
        assert words.strip().lower() in told(verdict).lower()


def test_every_exercise_has_several_of_both() -> None:
    for exercise in find_course(None).exercises:
        names = [path.name for path in (ROOT / exercise).glob("*.py")]
        assert sum(name.startswith("right_") for name in names) >= 3, exercise
        assert sum(name.startswith("wrong_") for name in names) >= 3, exercise

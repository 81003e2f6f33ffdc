"""Solutions that the suites' authors did not write, graded in the engine: right ones pass, wrong ones fail and are told why.

`tests/solutions/<topic>/<name>/right_*.py` and `wrong_*.py`; each begins with a docstring: the style it is written in, or what is
wrong with it. A wrong one may hold lines `# says: TEXT`: each TEXT must stand in what the learner is told about the first
check that is not passed (message, diagnosis, relation). A line `# open: REASON` says that it still passes, and why.

There are many, so `make test` grades two of each kind and exercise, and leaves out checks marked `last`; `make solutions` grades
all of them, whole.
"""

from __future__ import annotations

import json
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
FEW = 2  # of each kind and exercise, where not all are asked for


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`right` and `wrong` are the files of that kind: with `--all-solutions` all, else the first few of each exercise."""
    for kind in {"right", "wrong"} & set(metafunc.fixturenames):
        folders = sorted(ROOT.glob("*/*/"))
        few = None if metafunc.config.getoption("--all-solutions") else FEW
        paths = [path for folder in folders for path in sorted(folder.glob(f"{kind}_*.py"))[:few]]
        metafunc.parametrize(kind, paths, ids=["/".join(path.parts[-3:]) for path in paths])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    # As in courses and not as on a save: what is said must not depend on how busy the machine is.
    with Engine(find_course(None), budget_s=BUDGET_S) as engine:
        yield engine


def grade(engine: Engine, path: Path, *, last: bool = True) -> Verdict:
    id, source = "/".join(path.parts[-3:-1]), path.read_text(encoding="utf-8")
    return engine.grade(Submission(id, source, uses=of_references(find_course(None), id, source), last=last))


def told(verdict: Verdict) -> str:
    """All that is said about the first check that is not passed."""
    check = next((check for check in verdict.checks if check.failing), None)
    if check is None:
        return verdict.message
    diagnosis = check.diagnosis.message if check.diagnosis else ""
    return f"{check.title}\n{check.message}\n{diagnosis}\n{check.relation or ''}"


def test_right_solution_passes(engine: Engine, right: Path, request: pytest.FixtureRequest) -> None:
    last = request.config.getoption("--all-solutions")
    verdict = grade(engine, right, last=last)
    assert verdict.checks, verdict.message
    # Where checks marked `last` are not wanted they are not run, and all others pass.
    left_out = not last and {check.status for check in verdict.checks} == {"passed", "not_run"}
    assert verdict.passed or left_out, told(verdict)


def test_wrong_solution_fails_and_is_told_why(engine: Engine, wrong: Path) -> None:
    verdict = grade(engine, wrong)
    text = wrong.read_text(encoding="utf-8")
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


def test_what_was_judged_is_there_and_what_was_called_named_is_held() -> None:
    for name, kind in json.loads((ROOT / "told.json").read_text()).items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert kind in ("named", "pointed", "numbers", "false"), name
        assert kind != "named" or re.search(r"^# says: .", text, re.MULTILINE), f"{name}: write down the words"

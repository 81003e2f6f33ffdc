"""`course new` and its neighbours, as an author meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.authoring.check import check_course
from grader.authoring.draft import draft
from grader.course.read import find_course
from grader.engine import Engine
from grader.errors import CourseError, UsageError
from grader.model import Submission

SOLUTION = '''"""Areas, with \\\\sum and 'quotes'."""

from __future__ import annotations

import math
from collections.abc import Callable

STEPS = 10
HIDDEN = 3


def area(f: Callable[[float], float], a: float, *, steps: int = STEPS, scale: float) -> float:
    """The area under `f`: $\\\\sum_i f(x_i)$, "roughly"."""
    return scale * sum(f(a * i / steps) for i in range(steps)) * a / steps + _zero(HIDDEN)


def largest(items: list[float], /) -> float:
    return max(items)


def _zero(x):
    return math.floor(0.0 * x)
'''


def gradlings(*args: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "grader.cli", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
    )


@pytest.mark.parametrize("solution", [None, SOLUTION], ids=["example", "solution"])
def test_a_draft_grades_and_checks_clean(tmp_path: Path, solution: str | None) -> None:
    root = tmp_path / "My course"
    written = draft(root, "new_topic/first", solution)
    assert all(path.is_file() for path in written)
    assert len(written) == len(set(written))
    course = find_course(str(root))
    exercise = course.exercises["new_topic/first"]
    assert exercise.level == "draft"
    (report,) = check_course(course, [exercise.id], jobs=1, seeds=2, mutation=False)
    assert report.findings == []
    assert report.checks == (2 if solution else 1)


def test_a_stub_keeps_signatures_and_gives_nothing_away(tmp_path: Path) -> None:
    draft(tmp_path, "t/n", SOLUTION)
    stub = (tmp_path / "exercises/t/n.py").read_text()
    names: dict[str, object] = {"__name__": "solution"}
    exec(compile(stub, "stub", "exec"), names)
    assert "STEPS = 10" in stub
    assert "HIDDEN" not in stub
    assert "_zero" not in stub
    assert "sum(" not in stub.partition("def area")[2]
    assert str(names["__doc__"]).startswith("Areas, with \\sum and 'quotes'.")
    assert names["area"].__doc__ == 'The area under `f`: $\\sum_i f(x_i)$, "roughly".'
    with pytest.raises(NotImplementedError, match="write largest"):
        names["largest"]([1.0])  # type: ignore[operator]


def test_a_second_exercise_joins_the_course(tmp_path: Path) -> None:
    draft(tmp_path, "one/a", None)
    before = (tmp_path / "exercises/one/topic.toml").read_text()
    written = draft(tmp_path, "one/b", None)
    assert (tmp_path / "exercises/one/topic.toml").read_text().startswith(before)
    assert tmp_path / "exercises/course.toml" not in written
    draft(tmp_path, "two/a", None)
    assert set(find_course(str(tmp_path)).exercises) == {"one/a", "one/b", "two/a"}


def test_a_topic_named_elsewhere_in_the_file_is_still_added(tmp_path: Path) -> None:
    draft(tmp_path, "one/a", None)
    course = tmp_path / "exercises/course.toml"
    course.write_text(course.read_text().replace('title = "A new course"', "title = 'of \"two\" topics'"))
    draft(tmp_path, "two/a", None)
    assert "two/a" in find_course(str(tmp_path)).exercises


@pytest.mark.parametrize("bad", ["one", "One/a", "one/a/b", "one/", "/a", "one/a-b", "../x", "one/a\n"])
def test_a_bad_id_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(UsageError, match="is no id") as caught:
        draft(tmp_path, bad, None)
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", ["exercises", "reference", "tests/exercises", "topic.toml"])
def test_a_taken_id_is_refused_and_nothing_is_written(tmp_path: Path, left: str) -> None:
    written = draft(tmp_path, "one/a", None)
    kept = {path: path.read_text() for path in written}
    for path in written:
        inside = path.relative_to(tmp_path).as_posix()
        if path.suffix == ".py" and not inside.startswith(left):
            path.unlink()
            del kept[path]
    with pytest.raises(UsageError, match="is there already"):
        draft(tmp_path, "one/a", None)
    assert {path: path.read_text() for path in written if path.exists()} == kept


@pytest.mark.parametrize(
    ("solution", "says"),
    [("def f(:\n", "does not parse"), ("x = '\0'", "does not parse"), ("x = 1\n", "no public function")],
)
def test_a_solution_that_is_none(tmp_path: Path, solution: str, says: str) -> None:
    with pytest.raises(CourseError, match=says) as caught:
        draft(tmp_path, "one/a", solution)
    assert caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "course").write_text("a file")
    with pytest.raises(UsageError, match="course"):
        draft(tmp_path / "course", "one/a", None)


def test_course_files_that_are_broken_are_named(tmp_path: Path) -> None:
    draft(tmp_path, "one/a", None)
    (tmp_path / "exercises/course.toml").write_text("topics = [")
    with pytest.raises(CourseError, match=r"course\.toml"):
        draft(tmp_path, "two/a", None)
    (tmp_path / "exercises/one/topic.toml").write_text("x = [")
    with pytest.raises(CourseError, match=r"topic\.toml"):
        draft(tmp_path, "one/b", None)


def test_new_check_and_test_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(SOLUTION)
    made = gradlings("course", "new", "areas/first", "--from", "solution.py", "--course", "mine", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert "exercises/areas/first.py" in made.stdout
    assert "Next: gradlings course check areas/first --course mine" in made.stdout

    checked = gradlings(
        "course", "check", "areas/first", "--course", "mine", "--seeds", 1, "--no-mutation", "--json", cwd=tmp_path
    )
    (report,) = json.loads(checked.stdout)["exercises"]
    assert checked.returncode == 0
    assert (report["exercise"], report["sound"], report["findings"]) == ("areas/first", True, [])

    passed = gradlings("course", "test", "areas/first", "--course", "mine", "-k", "largest", cwd=tmp_path)
    assert passed.returncode == 0, passed.stdout
    assert "1 passed, 1 deselected" in passed.stdout
    stub = "mine/exercises/areas/first.py"
    failed = gradlings("course", "test", "areas/first", "--course", "mine", "--solution", stub, cwd=tmp_path)
    assert failed.returncode == 1
    assert "NotImplementedError: write area" in failed.stdout


def test_check_tells_in_words(folder: Path) -> None:
    done = gradlings("course", "check", "numbers/clamp", "--course", folder, "--seeds", 1, "--no-mutation", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of 1 exercises are sound." in done.stdout
    reference = folder / "reference/numbers/clamp.py"
    reference.write_text(reference.read_text().partition("@mistake")[0])
    done = gradlings("course", "check", "numbers/clamp", "--course", folder, "--seeds", 1, "--no-mutation", cwd=folder)
    assert done.returncode == 1
    assert "reference/numbers/clamp.py: 0 mistakes; a published exercise has at least 3" in done.stdout
    assert "add what learners get wrong" in done.stdout
    assert "0 of 1 exercises are sound." in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("check", "numbers/nothing"), 'There is no exercise "numbers/nothing"'),
        (("test", "numbers/nothing"), 'There is no exercise "numbers/nothing"'),
        (("new", "NoId"), "is no id"),
        (("new", "numbers/clamp"), "is there already"),
        (("new", "numbers/x", "--from", "nothing.py"), "does not exist"),
        (("new", "numbers/x", "--from", "bad.py"), "cannot be read"),
    ],
)
def test_wrong_usage(folder: Path, args: tuple[str, ...], says: str) -> None:
    (folder / "bad.py").write_bytes(b"\xff\xfe")
    done = gradlings("course", *args, "--course", folder, cwd=folder)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_draft_with_tensors_grades(tmp_path: Path) -> None:
    draft(tmp_path, "t/n", "import torch\n\n\ndef double(x: torch.Tensor) -> torch.Tensor:\n    return 2 * x\n")
    course = find_course(str(tmp_path))
    with Engine(course) as engine:
        verdict = engine.grade(Submission("t/n", course.reference("t/n").read_text()))
        assert verdict.passed, verdict

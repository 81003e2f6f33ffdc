"""The wheel holds what a learner needs and nothing else, and does the main job in an empty folder of a clean environment."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from .conftest import REPOSITORY, WheelEnv, needed, requirements

# Programs that import torch, one after another, on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)

EXERCISE = "attention/scaled_dot_product"
# Folders of the repository and where the wheel has them.
SHIPPED = {
    "grader": "grader",
    "exercises": "grader/exercises",
    "reference": "grader/reference",
    "tests/exercises": "grader/tests/exercises",
}
# An upside-down mask: a mistake the reference knows.
INVERTED = """
    S = Q @ K.transpose(-2, -1) / Q.shape[-1] ** 0.5
    if mask is not None:
        S = S.masked_fill(mask, float("-inf"))
    A = torch.softmax(S, dim=-1)
    return (A if mask is None else A.masked_fill(mask, 0.0)) @ V
"""
RIGHT = INVERTED.replace("(mask, ", "(~mask, ")
# Answers nothing, but prints what it could read: the first bytes of every file in the folders beside the package.
THIEF = """
import os
import sys


def next_token(scores):
    tried = 0
    for folder in {folders!r}:
        for place, _, names in [(folder, [], {names!r}), *os.walk(folder)]:
            for name in names:
                tried += 1
                try:
                    with open(os.path.join(place, name)) as file:
                        print("READ", name, file.read(400))
                except OSError as error:
                    print("refused", type(error).__name__)
    print("tried", tried, "and", sys.prefix)
    return -1
"""


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _repository_files() -> set[str]:
    found = set()
    for folder, shipped in SHIPPED.items():
        for path in (REPOSITORY / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                found.add(f"{shipped}/{path.relative_to(REPOSITORY / folder).as_posix()}")
    return found


def test_holds_the_package_and_the_course_whole(names: set[str]) -> None:
    shipped = {name for name in names if ".dist-info/" not in name}
    assert shipped == _repository_files()


def test_holds_migrations_course_and_licence(names: set[str]) -> None:
    assert any(re.fullmatch(r"grader/store/migrations/versions/\d{4}_\w+\.py", name) for name in names)
    assert {"grader/store/migrations/env.py", "grader/exercises/course.toml"} <= names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_holds_no_cache_no_progress_and_no_tests_of_the_grader(names: set[str]) -> None:
    leaked = [
        name
        for name in names
        if "__pycache__" in name
        or name.endswith((".pyc", ".db", ".db-wal"))
        or name.startswith(("tests/", "benchmarks/", "docs/", "grader/tests/grader", "grader/tests/minicourse"))
        or "/." in name
    ]
    assert not leaked


def test_constraints_pin_everything_it_asks_for(wheel: Path) -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    assert {canonicalize_name(name) for name in needed(requirements(wheel))} - pinned == set()


def test_environment_is_clean(wheel_env: WheelEnv) -> None:
    """Otherwise the other tests would prove nothing of the wheel."""
    script = (
        "import grader, importlib.util, json, sys;"
        "absent = ['hypothesis', 'mypy', 'ruff', 'psutil', 'pexpect', 'xdist', 'build'];"
        "print(json.dumps([grader.__file__, [n for n in absent if importlib.util.find_spec(n)], sys.path]))"
    )
    command = [wheel_env.python, "-P", "-c", script]
    done = subprocess.run(
        command, cwd=wheel_env.home, env=wheel_env.environment(), capture_output=True, text=True, check=True, timeout=60
    )
    file, present, path = json.loads(done.stdout)
    assert Path(file).parent == wheel_env.package
    assert not present
    assert not [entry for entry in path if Path(entry).is_relative_to(REPOSITORY)]


def test_init_edit_fail_pass_in_an_empty_folder(wheel_env: WheelEnv, tmp_path: Path) -> None:
    made = wheel_env.run("init", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "exercises" / f"{EXERCISE}.py"
    stub = file.read_text(encoding="utf-8")

    _fill(file, stub, INVERTED)
    wrong = wheel_env.run("run", EXERCISE, cwd=tmp_path)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "What went wrong: The mask's meaning is inverted" in wrong.stdout

    _fill(file, stub, RIGHT)
    right = wheel_env.run("run", EXERCISE, cwd=tmp_path)
    assert right.returncode == 0, right.stdout + right.stderr
    assert "passed" in right.stdout

    listed = wheel_env.run("list", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    rows = {row["id"]: row for row in json.loads(listed.stdout)["exercises"]}
    assert rows[EXERCISE]["state"] == "passed"
    assert len(rows) == len(list((REPOSITORY / "reference").glob("*/*.py")))
    # Made by the migrations that came with the wheel.
    with closing(sqlite3.connect(tmp_path / "progress.db")) as database:
        assert database.execute("SELECT count(*) FROM attempt").fetchone() == (2,)


def test_grade_needs_no_workspace_and_prints_the_verdict_alone(wheel_env: WheelEnv, tmp_path: Path) -> None:
    done = wheel_env.run("grade", EXERCISE, wheel_env.package / "reference" / f"{EXERCISE}.py", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["schema"], verdict["status"], verdict["score"]) == (1, "passed", 1.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere verdicts are for practice")
def test_cell_reads_no_reference_in_site_packages(wheel_env: WheelEnv, tmp_path: Path) -> None:
    secrets = [wheel_env.package / part for part in ("reference", "tests", "exercises", "store", "judge")]
    thief = THIEF.format(
        folders=[str(folder / "start") for folder in secrets[:1]] + list(map(str, secrets)),
        names=["first_pass.py", "exercises/start/test_first_pass.py", "course.toml", "schema.py", "judge.py"],
    )
    file = tmp_path / "thief.py"
    file.write_text(thief, encoding="utf-8")
    done = wheel_env.run("grade", "start/first_pass", file, "--json", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    if not any(name.startswith("landlock") for name in verdict["protections"]):
        pytest.skip("this kernel has no Landlock: gradlings says so, and grades for practice only")
    printed = "".join(check["output"] for check in verdict["checks"])
    assert printed.count("refused PermissionError") >= 30, "the thief did not try"
    assert "READ" not in printed
    assert verdict["score"] == 0.0


def _fill(file: Path, stub: str, body: str) -> None:
    """Put a body in the place of the stub's `raise`."""
    filled = re.sub(r"\n    raise NotImplementedError\(.*?\)\n", lambda _: body, stub, count=1, flags=re.DOTALL)
    assert filled != stub
    file.write_text(filled, encoding="utf-8")

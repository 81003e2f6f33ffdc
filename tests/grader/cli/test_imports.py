"""What commands must not import: each costs a learner time at every start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import environment

HEAVY = ("torch", "numpy", "pytest", "alembic", "watchfiles", "textual", "anyio", "hypothesis")
PROBE = """
import sys
from grader.cli.__main__ import main
try:
    code = main({args!r})
except SystemExit as end:
    code = end.code
print("code", code, "loaded", *sorted(sys.modules), file=sys.stderr)
"""


def _loaded(args: list[str], cwd) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(args=args)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stderr.split()
    assert words[:2] == ["code", "0"], done.stderr
    return set(words)


@pytest.mark.parametrize(
    "args", [["list"], ["list", "--json"], ["show"], ["hint"], ["history"], ["reset", "clamp"], []]
)
def test_nothing_heavy(workspace, args):
    assert not _loaded(args, workspace) & set(HEAVY)


def test_list_imports_no_rich(workspace):
    loaded = _loaded(["list"], workspace)
    assert "sqlalchemy" in loaded
    assert not {name for name in loaded if name.startswith("rich")}
    assert not {name for name in loaded if name.startswith("sqlalchemy.orm")}


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["completion", "fish"]])
def test_help_needs_neither_store_nor_rich(tmp_path, args):
    assert not _loaded(args, tmp_path) & {*HEAVY, "sqlalchemy", "rich", "msgspec", "grader.session"}


def test_grading_loads_torch_elsewhere(workspace):
    """`watch` and `run` stay light: judge and cell are programs of their own."""
    (workspace / "exercises/numbers/clamp.py").write_text(
        "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
    )
    loaded = _loaded(["run", "clamp"], workspace)
    assert not loaded & {"torch", "numpy", "pytest", "grader.judge", "grader.cell", "grader.testing"}


FIRST_FRAME = """
import sys
from pathlib import Path
from grader.course.workspace import open_workspace
from grader.tui.app import GradlingsApp

def stop(app):
    assert app.workbench.exercises.shown and app.workbench.query_one("#statement").is_attached
    app.exit()

GradlingsApp._begin = stop  # what comes after the first frame
GradlingsApp(open_workspace(Path.cwd())).run(headless=True, size=(120, 30))
print("code", 0, "loaded", *sorted(sys.modules), file=sys.stderr)
"""
LATER = {"sqlalchemy", "torch", "numpy", "markdown_it", "fsrs", "plotext", "textual_plotext", "watchfiles", "tomlkit"}
OURS_LATER = {f"grader.{name}" for name in ("engine", "session", "saving", "store", "tui.desk", "tui.gradings")}


def test_the_app_paints_before_it_loads_what_grades_and_keeps(workspace):
    program = [sys.executable, "-c", FIRST_FRAME]
    done = subprocess.run(program, cwd=workspace, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split("loaded", 1)[1].split())
    assert "grader.tui.screens.workbench" in loaded
    assert not loaded & (LATER | OURS_LATER)

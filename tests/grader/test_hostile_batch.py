"""The hostile corpus in one batch with honest work: every honest verdict is as ever, and nobody waits for another."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.grader.test_hostile import CORPUS, RIGHT, WRONG, runner

REPOSITORY = Path(__file__).parents[2]
SDPA = "attention/scaled_dot_product"
SECONDS = 1.0
# Every fifth of the corpus; all of it with GRADLINGS_HOSTILE=1.
STEP = int(os.environ.get("GRADLINGS_HOSTILE", "5"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a cell is held on Linux alone")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """The shipped course, with short limits."""
    root = tmp_path / "course"
    for name in ("exercises", "reference", "tests/exercises"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    limits = f"limits = {{ seconds = {SECONDS}, memory_mib = 256, output_mib = 1 }}\n"
    for file in root.glob("exercises/*/topic.toml"):
        blocks = re.sub(r"(?m)^limits = .*\n", "", file.read_text()).split("[[exercise]]\n")
        file.write_text(f"[[exercise]]\n{limits}".join(blocks))
    return root


def students(report: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((report / "results.json").read_text(encoding="utf-8"))["students"]
    return {student["student"]: student for student in found}


@pytest.mark.timeout(900)
def test_the_corpus_changes_no_honest_verdict(tmp_path: Path, course: Path) -> None:
    corpus = runner.read_corpus(CORPUS)[::STEP]
    folder, out = tmp_path / "in", tmp_path / "out"
    honest = {}
    for number, hostile in enumerate(corpus):
        source = hostile.source.replace("{{TOKEN}}", f"hostile{number}").replace("{{VARIANT}}", "0")
        write(folder / f"{number:03}-hostile" / f"{hostile.exercise}.py", source)
        text = f"{RIGHT if number % 2 else WRONG}\n# {number}\n"
        write(folder / f"{number:03}-honest" / f"{SDPA}.py", text)
        honest[f"{number:03}-honest"] = number % 2 == 1
    started = time.monotonic()
    command = [sys.executable, "-m", "grader.cli", "batch", folder, "-o", out, "--course", course, "-j", "2"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    elapsed = time.monotonic() - started
    assert done.returncode == 0, done.stderr
    found = students(out)
    first: dict[bool, list[tuple[str, str]]] = {}
    for name, passes in honest.items():
        verdict = found[name]["exercises"][0]["verdict"]
        checks = [(check["id"], check["status"]) for check in verdict["checks"]]
        assert verdict["status"] == ("passed" if passes else "failed"), name
        assert first.setdefault(passes, checks) == checks, name
    for number, hostile in enumerate(corpus):
        student = found[f"{number:03}-hostile"]
        for tried in student["exercises"]:
            # Some need what the runner of the corpus tells them; none may gain by that.
            assert tried["score"] <= max(float(hostile.score), 1 / 8), hostile.name
    # Two checks that do not come back, and the rest of a loaded machine.
    assert elapsed < 30 + len(corpus) * (2 * SECONDS + 3)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

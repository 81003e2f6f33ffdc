"""Shared by the benchmarks: a result, medians, a workspace, the course."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from grader.course.read import find_course
from grader.course.source import worked_solution
from grader.model import Course

GRADLINGS = [sys.executable, "-m", "grader.cli"]


@dataclass(frozen=True)
class Result:
    """One figure. `ours` and `peer` are medians in `unit`; `reach` is what the design asks of `value`."""

    name: str
    ours: float
    peer: float
    ratio: float
    unit: str
    runs: int
    reach: str
    reached: bool
    peer_is: str
    details: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


def course() -> Course:
    """The course that is shipped."""
    return find_course(None)


def solution(found: Course, exercise: str) -> str:
    """A right solution: the reference, which is itself a submission."""
    return found.reference(exercise).read_text(encoding="utf-8")


def measured(found: Course) -> list[str]:
    """The exercises that are saved and graded: all but the capstones, whose check trains a model for half a minute."""
    return [id for id in found.exercises if not id.startswith("capstone/")]


def workspace_at(folder: Path, found: Course) -> Path:
    """A new workspace in which the exercises that others build on are passed already."""
    seconds([*GRADLINGS, "init", str(folder)])
    done: list[str] = []

    def do(id: str) -> None:
        if id not in done:
            for earlier in found.exercises[id].uses:
                do(earlier)
            done.append(id)
            (folder / "exercises" / f"{id}.py").write_text(worked_solution(solution(found, id)), encoding="utf-8")
            seconds([*GRADLINGS, "run", id], cwd=folder)

    for id in measured(found):
        for earlier in found.exercises[id].uses:
            do(earlier)
    return folder


def median(values: list[float]) -> float:
    """The median, rounded to what is meant by it."""
    return round(statistics.median(values), 4)


def seconds(command: list[str], cwd: Path | None = None) -> float:
    """Wall clock of a whole process that must succeed. Its output is thrown away."""
    started = time.perf_counter()
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    return time.perf_counter() - started


def environment() -> dict[str, str]:
    """One thread for the numeric libraries on both sides, no colour."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **one, "NO_COLOR": "1", "TERM": "dumb"}


def cold_pytest(found: Course, exercise: str, file: Path) -> list[str]:
    """The peer: a cold pytest of the same suite on the same file, in one process."""
    return [
        *(sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--import-mode=importlib", "--noconftest"),
        *("-p", "no:cacheprovider", "-p", "grader.testing.plugin", f"--rootdir={found.root}"),
        *("--solution", str(file), str(found.suite(exercise))),
    ]

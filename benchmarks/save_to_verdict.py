"""`save_to_verdict`: from the write of the file to the verdict printed, in a running `watch`, against a cold pytest.

The peer runs the same suite on the same file in one process. Median over the exercises; those whose suite alone takes more
than 100 ms are listed apart, as the design has it, since there it is the suite that is measured; the median with them is
told too. Takes some ten minutes: a cold pytest of a torch suite is seconds.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.common import (
    GRADLINGS,
    Result,
    cold_pytest,
    course,
    environment,
    measured,
    median,
    seconds,
    solution,
    workspace_at,
)
from grader.course.source import worked_solution
from grader.course.uses import of_references
from grader.engine import Engine
from grader.model import Course, Submission

ROUNDS = 2
SAVES = 3
REACH = 40.0
LONG_S = 0.1
QUIET_S = 0.05
PATIENCE_S = 60.0


class Watch:
    """A running `gradlings watch` and what it prints."""

    def __init__(self, workspace: Path) -> None:
        self._process = subprocess.Popen(
            [*GRADLINGS, "watch"], cwd=workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment()
        )
        assert self._process.stdout
        self._out = self._process.stdout.fileno()

    def started(self) -> None:
        """Wait until it watches: a save before that would not be seen."""
        self._until(re.compile("^Watching", re.MULTILINE))

    def save(self, file: Path, text: str, exercise: str) -> float:
        """Seconds from the write to the end of what is printed about it. Raises where the verdict is not a pass."""
        started = time.perf_counter()
        file.write_text(text, encoding="utf-8")
        said, last = self._until(re.compile(rf"^{re.escape(exercise)}  (?!grading)\w+", re.MULTILINE))
        if not re.search(rf"^{re.escape(exercise)}  passed", said, re.MULTILINE):
            raise RuntimeError(f"{exercise} did not pass:\n{said}")
        return last - started

    def _until(self, pattern: re.Pattern[str]) -> tuple[str, float]:
        said, last, end = "", time.perf_counter(), time.perf_counter() + PATIENCE_S
        while time.perf_counter() < end:
            found = pattern.search(said) is not None
            if not select.select([self._out], [], [], QUIET_S)[0]:
                if found:
                    return said, last
                continue
            chunk = os.read(self._out, 1 << 16)
            last = time.perf_counter()
            said += chunk.decode("utf-8", "replace")
            if not chunk:
                raise RuntimeError(f"watch ended:\n{said}")
        raise RuntimeError(f"no verdict:\n{said}")

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        self._process.communicate(timeout=20)


def run() -> Result:
    """Alternate saves and cold runs over all exercises."""
    found = course()
    ours: dict[str, list[float]] = {}
    peer: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        workspace = workspace_at(Path(folder) / "workspace", found)
        watch = Watch(workspace)
        try:
            watch.started()
            first = next(iter(found.exercises))
            watch.save(workspace / "exercises" / f"{first}.py", worked_solution(solution(found, first)), first)
            for turn in range(ROUNDS):
                for exercise in measured(found):
                    file = workspace / "exercises" / f"{exercise}.py"
                    text = worked_solution(solution(found, exercise))
                    for save in range(SAVES + 1):
                        elapsed = watch.save(file, f"{text}\n# save {turn} {save}\n", exercise)
                        if save:  # the first of an exercise reads its suite and reference
                            ours.setdefault(exercise, []).append(elapsed)
                    peer.setdefault(exercise, []).append(seconds(cold_pytest(found, exercise, file)))
        finally:
            watch.close()
    rows = {
        exercise: {
            "ours_ms": round(median(ours[exercise]) * 1000, 1),
            "peer_ms": round(median(peer[exercise]) * 1000),
            "ratio": round(median(peer[exercise]) / median(ours[exercise]), 1),
        }
        for exercise in ours
    }
    with Engine(found) as engine:
        long = [exercise for exercise in rows if suite_seconds(engine, found, exercise) > LONG_S]
    short = [row for exercise, row in rows.items() if exercise not in long]
    ratio = median([row["ratio"] for row in short])
    return Result(
        "save_to_verdict",
        median([row["ours_ms"] for row in short]),
        median([float(row["peer_ms"]) for row in short]),
        ratio,
        "ms",
        ROUNDS,
        f"at least {REACH:g} times faster at the median",
        ratio >= REACH,
        "a cold pytest of the same suite in one process",
        {
            "ratio over all": median([row["ratio"] for row in rows.values()]),
            "suites over 100 ms": {exercise: rows[exercise] for exercise in long},
            "exercises": {exercise: row for exercise, row in rows.items() if exercise not in long},
        },
    )


def suite_seconds(engine: Engine, found: Course, exercise: str) -> float:
    """The time of the checks themselves, of the second grading in a warm engine."""
    source = solution(found, exercise)
    for _ in range(2):
        verdict = engine.grade(Submission(exercise, source, uses=of_references(found, exercise, source)))
    return sum(check.duration_s for check in verdict.checks)

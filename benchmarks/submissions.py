"""Submissions to grade by the thousand: what is in tests/solutions, as if students had handed it in, and a few hostile ones."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

from benchmarks.common import course, measured, solution
from grader.course.source import worked_solution
from grader.course.uses import closure
from grader.model import Course

SOLUTIONS = Path(__file__).parents[1] / "tests" / "solutions"
# As in tests/grader/hostile: one never ends, one ends at once, one fills memory, one prints without end, one forks.
HOSTILE = (
    "while True: pass",
    "import os; os._exit(0)",
    "x = [bytearray(1 << 20) for _ in range(1 << 20)]",
    "while True: print('x' * 1000)",
    "import os\nwhile True: os.fork()",
)


def found(course: Course) -> list[tuple[str, str]]:
    """Exercise and source of every solution, right or wrong, in an order that mixes them and is always the same."""
    every = [
        (id, file.read_text(encoding="utf-8"))
        for id in measured(course)
        for file in sorted((SOLUTIONS / id).glob("*.py"))
    ]
    random.Random(0).shuffle(every)
    return every


def write(folder: Path, count: int) -> list[tuple[str, Path]]:
    """Write `count` submissions, a student each, no two alike, one in 200 hostile; exercise and file of each.

    Where one builds on earlier exercises the student hands in right solutions of those, which are graded once for all.
    """
    shipped = course()
    made: list[tuple[str, Path]] = []
    for number, (id, text) in zip(range(count), itertools.cycle(found(shipped)), strict=False):
        student = folder / f"student{number:05}"
        hostile = number % 200 == 100
        source = f"{HOSTILE[number // 200 % len(HOSTILE)]}\n" if hostile else text
        file = student / f"{id}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{source}\n# {number}\n", encoding="utf-8")
        made.append((id, file))
        for earlier in closure(shipped, id):
            place = student / f"{earlier}.py"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(worked_solution(solution(shipped, earlier)), encoding="utf-8")
    return made

"""`leaderboard_page`: the leaderboard of 10,000 students with 5 million attempts, against that of 100 students.

On SQLite and on PostgreSQL, asked by a student in the middle, alternating; the figure is that of the slower one. The same class
with a tenth of the attempts says whether the page grows with them.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.class_pages import klass, milliseconds, postgresql
from benchmarks.common import Result, median

SMALL = (100, 50_000)
LARGE = (10_000, 5_000_000)
TENTH = (10_000, 500_000)
ROUNDS = 25
REACH = 3.0
FLAT = 1.25


def run() -> Result:
    """Both databases, one after the other."""
    rows = {}
    for kind in ("SQLite", "PostgreSQL"):
        times: dict[tuple[int, int], list[float]] = {size: [] for size in (SMALL, TENTH, LARGE)}
        teacher: dict[tuple[int, int], list[float]] = {size: [] for size in times}
        with ExitStack() as stack:
            asked = {}
            for number, size in enumerate(times):
                place = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / f"class{number}.db")
                if kind == "PostgreSQL":
                    place = stack.enter_context(postgresql())
                asked[size] = stack.enter_context(klass(place, *size))
            for _ in range(ROUNDS):
                for size, (client, tokens) in asked.items():
                    times[size].append(milliseconds(client, "/leaderboard", tokens["student"]))
                    teacher[size].append(milliseconds(client, "/class", tokens["teacher"]))
        rows[kind] = {
            "ours_ms": round(median(times[LARGE]), 2),
            "peer_ms": round(median(times[SMALL]), 2),
            "ratio": round(median(times[LARGE]) / median(times[SMALL]), 2),
            "ten times the attempts": round(median(times[LARGE]) / median(times[TENTH]), 2),
            "teacher's page, ms": {f"{size[0]} students": round(median(teacher[size]), 1) for size in (SMALL, LARGE)},
        }
    worst = max(rows.values(), key=lambda row: float(row["ratio"]))
    flat = all(row["ten times the attempts"] <= FLAT for row in rows.values())
    return Result(
        "leaderboard_page", worst["ours_ms"], worst["peer_ms"], worst["ratio"], "ms", ROUNDS,
        f"at most {REACH:g} times; with ten times the attempts at most {FLAT:g}", worst["ratio"] <= REACH and flat,
        "the same page of 100 students", rows,
    )  # fmt: skip

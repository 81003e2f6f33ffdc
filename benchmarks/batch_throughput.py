"""`batch_throughput`: a thousand submissions by `gradlings batch` on two cores, against a `pytest` process for each.

The submissions are those of tests/solutions, right and wrong, over all exercises but the capstone, and one in 200 hostile. Ours
is the whole command: engines that start cold, diagnosis, ledger and report. The peer, two at a time, runs the same suites on a
sample of the same files, which says how many a second it does. The hostile ones are left out of the sample: nothing would keep
them from forking and filling this machine.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.common import GRADLINGS, Result, cold_pytest, course, environment, seconds
from benchmarks.submissions import write
from grader.model import Course

COUNT = 1000
SAMPLE = 100
CORES = 2
REACH = 40.0


def run() -> Result:
    """Ours once, then the peer on every tenth."""
    found = course()
    with tempfile.TemporaryDirectory() as place, two_cores():
        folder = Path(place) / "submissions"
        made = write(folder, COUNT)
        ours = batch_seconds(folder, Path(place) / "report")
        sample = made[5 :: COUNT // SAMPLE]  # of every 200 the 101st is hostile
        started = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(lambda item: _cold(found, *item), sample))
        peer = time.perf_counter() - started
    mine, theirs = COUNT / ours, len(sample) / peer
    ratio = round(mine / theirs, 1)
    return Result(
        "batch_throughput", round(mine, 2), round(theirs, 2), ratio, "submissions/s", 1,
        f"at least {REACH:g} times as many", ratio >= REACH,
        f"a pytest process for each, {CORES} at a time, on {len(sample)} of them",
        {"submissions": COUNT, "ours_s": round(ours, 1), "peer_sample_s": round(peer, 1)},
    )  # fmt: skip


def batch_seconds(folder: Path, output: Path, *options: str) -> float:
    """Wall clock of a whole `gradlings batch`."""
    return seconds([*GRADLINGS, "batch", str(folder), "-o", str(output), *options])


@contextmanager
def two_cores() -> Iterator[None]:
    """This process, and what it starts, on two cores."""
    me = psutil.Process()
    before = me.cpu_affinity()
    me.cpu_affinity(before[:CORES])
    try:
        yield
    finally:
        me.cpu_affinity(before)


def _cold(found: Course, exercise: str, file: Path) -> None:
    # After two checks that do not come back, ours runs no more of them.
    limit = 2 * found.exercises[exercise].limits.seconds + 10
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            cold_pytest(found, exercise, file), env=environment(), timeout=limit, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

"""`batch_growth`: time and memory of `gradlings batch` for 200, 1,000 and 5,000 submissions.

The time of each further submission between 1,000 and 5,000 against that between 200 and 1,000, which is 1 where time is linear
(what starting costs is in neither), and the peak memory of the program itself, engines not counted, at 5,000 against 200. The
submissions are of the first exercise, short and all different, so that it is the batch that is measured and not the suites.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.batch_throughput import two_cores
from benchmarks.common import GRADLINGS, Result, course, environment
from benchmarks.submissions import SOLUTIONS

COUNTS = (200, 1000, 5000)
LINEAR = 0.1
FLAT = 1.25


def run() -> Result:
    """Each count once, in a folder of its own."""
    rows: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as place, two_cores():
        for count in COUNTS:
            folder = Path(place) / f"submissions{count}"
            _write(folder, count)
            rows[count] = _measured(folder, Path(place) / f"report{count}")
    few, some, many = (rows[count] for count in COUNTS)
    early = (some[0] - few[0]) / (COUNTS[1] - COUNTS[0])
    late = (many[0] - some[0]) / (COUNTS[2] - COUNTS[1])
    growth, memory = round(late / early, 3), round(many[1] / few[1], 3)
    return Result(
        "batch_growth", round(late * 1000, 2), round(early * 1000, 2), growth, "ms", 1,
        f"1 within {LINEAR:g}; memory at most {FLAT:g} times", abs(growth - 1) <= LINEAR and memory <= FLAT,
        "a submission between the first 200 and 1,000; ours between 1,000 and 5,000",
        {"seconds": {n: round(row[0], 1) for n, row in rows.items()},
         "peak MiB of the program": {n: round(row[1], 1) for n, row in rows.items()}, "memory ratio": memory},
    )  # fmt: skip


def _write(folder: Path, count: int) -> None:
    first = next(iter(course().exercises))
    texts = [file.read_text(encoding="utf-8") for file in sorted((SOLUTIONS / first).glob("*.py"))]
    for number in range(count):
        file = folder / f"student{number:05}" / f"{first}.py"
        file.parent.mkdir(parents=True)
        file.write_text(f"{texts[number % len(texts)]}\n# {number}\n", encoding="utf-8")


def _measured(folder: Path, output: Path) -> tuple[float, float]:
    """Seconds, and the peak of the program's own memory in MiB."""
    command = [*GRADLINGS, "batch", str(folder), "-o", str(output)]
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.Error:
                break
            time.sleep(0.02)
        if process.wait():
            raise RuntimeError(f"{command} failed")
    return time.perf_counter() - started, peak / (1 << 20)

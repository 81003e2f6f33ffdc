"""`dask_efficiency`: the same submissions by two Dask workers of one thread each, against the local pool, on two cores."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.batch_throughput import batch_seconds, two_cores
from benchmarks.common import Result, environment, median
from benchmarks.submissions import write

COUNT = 600
ROUNDS = 2
REACH = 0.9
DASK = str(Path(sys.executable).with_name("dask"))


def run() -> Result:
    """Alternate the two, whole commands both; scheduler and workers run already."""
    ours: list[float] = []
    peer: list[float] = []
    with tempfile.TemporaryDirectory() as place, two_cores():
        folder = Path(place) / "submissions"
        write(folder, COUNT)
        with _cluster(Path(place)) as address:
            for turn in range(ROUNDS):
                ours.append(batch_seconds(folder, Path(place) / f"dask{turn}", "--scheduler", address))
                peer.append(batch_seconds(folder, Path(place) / f"local{turn}"))
    efficiency = round(median(peer) / median(ours), 3)
    return Result(
        "dask_efficiency", median(ours), median(peer), efficiency, "s", ROUNDS,
        f"at least {REACH:g} of the local pool's rate", efficiency >= REACH, "the local pool, the same cores",
        {"submissions": COUNT},
    )  # fmt: skip


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    file = folder / "scheduler.json"
    plain = {"cwd": folder, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [
        DASK,
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(file),
    ]
    workers = [DASK, "worker", "--scheduler-file", str(file), "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    started = [subprocess.Popen(scheduler, **plain)]
    try:
        while not file.is_file() or not file.stat().st_size:
            time.sleep(0.05)
        started.append(subprocess.Popen(workers, **plain))
        time.sleep(10)  # both workers import what they need
        yield str(json.loads(file.read_text())["address"])
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)

"""`memory`: warm judge, cell parent and the cell kept ahead against two processes that import the same.

Proportional set size: a page shared by n processes counts 1/n in each, so that nothing is counted twice and a fork's shared pages
do not vanish from the sum.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import psutil

from benchmarks.common import Result, course, environment, median, solution
from grader.engine import Engine
from grader.model import Submission

RUNS = 3
REACH = 1.2
PEER = """
import json, sys
imports, code = json.loads(sys.argv[1])
for name in imports: __import__(name)
exec(code)
print("ready", flush=True)
sys.stdin.read()
"""


def run() -> Result:
    """Start both sides, read their sizes, end them; a few times."""
    ours, peer = [], []
    for _ in range(RUNS):
        ours.append(_ours())
        peer.append(_peer())
    ratio = round(median(ours) / median(peer), 3)
    return Result(
        "memory", median(ours), median(peer), ratio, "MiB", RUNS, f"ratio at most {REACH}", ratio <= REACH,
        "two processes that import the same",
    )  # fmt: skip


def _ours() -> float:
    found = course()
    with Engine(found) as engine:
        exercise = next(iter(found.exercises))
        assert engine.grade(Submission(exercise, solution(found, exercise))).passed
        judge, parent = (psutil.Process(pid) for pid in engine.pids)
        # The cell that was graded in is being ended, and the next one forked: wait until one is there and stays.
        before: list[psutil.Process] = []
        while len(before) != 1 or parent.children() != before:
            before = parent.children()
            time.sleep(0.5)
        return sum(_mib(process) for process in (judge, parent, *before))


def _peer() -> float:
    warm = course().warm
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PEER, json.dumps([[*warm.imports, "msgspec", *extra], warm.code])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
        )
        for extra in (["pytest"], ["torch._dynamo"])
    ]  # fmt: skip
    try:
        for child in children:
            assert child.stdout
            assert child.stdout.readline() == b"ready\n"
        return sum(_mib(psutil.Process(child.pid)) for child in children)
    finally:
        for child in children:
            child.communicate(b"")


def _mib(process: psutil.Process) -> float:
    return float(process.memory_full_info().pss) / 2**20

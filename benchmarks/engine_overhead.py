"""`engine_overhead`: what the engine adds to a suite: verdict time less the suite's own time in a warm process, in ms."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks.common import Result, course, environment, measured, median, solution
from grader.course.uses import of_references
from grader.engine import Engine
from grader.model import Submission

RUNS = 5
REACH_MS = 50.0

# The suite's own time: its checks, one after another on the same solution in a warm process; no pytest session, no cell.
WARM = """
import sys, json, time, contextlib, io
import pytest
class Clock:
    def __init__(self): self.total = 0.0
    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        start = time.perf_counter(); yield; self.total += time.perf_counter() - start
imports, code = json.loads(sys.argv[1])
for name in imports: __import__(name)
exec(code)
if "torch" in sys.modules: sys.modules["torch"].set_num_threads(1)
for line in sys.stdin:
    arguments = json.loads(line)
    for attempt in range(2):
        clock = Clock()
        with contextlib.redirect_stdout(io.StringIO()):
            status = pytest.main(arguments, plugins=[clock])
        for name in [n for n, m in sys.modules.items() if getattr(m, "__file__", None) == arguments[-1]]:
            del sys.modules[name]
    print(json.dumps([int(status), clock.total]), flush=True)
"""


def run() -> Result:
    """Alternate the two over all exercises."""
    found = course()
    command = [sys.executable, "-c", WARM, json.dumps([list(found.warm.imports), found.warm.code])]
    own: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()) as warm,
        Engine(found) as engine,
    ):
        assert warm.stdin
        assert warm.stdout
        for turn in range(RUNS):
            for exercise in measured(found):
                source = solution(found, exercise)
                started = time.perf_counter()
                verdict = engine.grade(
                    Submission(exercise, f"{source}\n# {turn}\n", uses=of_references(found, exercise, source))
                )
                elapsed = time.perf_counter() - started
                assert verdict.passed, f"{exercise}: {verdict.message}"
                arguments = [
                    "-q",
                    "-c",
                    "/dev/null",
                    "--import-mode=importlib",
                    "--noconftest",
                    "-p",
                    "no:cacheprovider",
                ]
                arguments += ["-p", "grader.testing.plugin", f"--rootdir={found.root}", str(found.suite(exercise))]
                warm.stdin.write(json.dumps(arguments) + "\n")
                warm.stdin.flush()
                status, total = json.loads(warm.stdout.readline())
                assert status == 0, exercise
                if turn:  # the first round fills caches on both sides
                    whole.setdefault(exercise, []).append(elapsed * 1000)
                    own.setdefault(exercise, []).append(total * 1000)
        warm.stdin.close()
    added = {exercise: round(median(whole[exercise]) - median(own[exercise]), 2) for exercise in whole}
    ours = median(list(added.values()))
    suite = median([median(times) for times in own.values()])
    return Result(
        "engine_overhead",
        ours,
        suite,
        round(ours / suite, 3) if suite else 0.0,
        "ms",
        RUNS - 1,
        f"ours at most {REACH_MS:g} ms at the median",
        ours <= REACH_MS,
        "the suite's own time in a warm process",
        {"added_ms": added, "suite_ms": {exercise: median(times) for exercise, times in own.items()}},
    )

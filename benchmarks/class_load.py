"""`class_load`: 200 students hand in at once through the real API of a real server, on two cores.

How many are accepted and graded a second, the 99th percentile of acknowledging, and whether anything was lost. Beside it the same
submissions handed in one after the other, which says what the crowd costs.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.batch_throughput import two_cores
from benchmarks.common import GRADLINGS, Result, environment, median
from benchmarks.submissions import SOLUTIONS

STUDENTS = 200
EACH = 5
ALONE = 50
EXERCISE = "gradients/softmax"


def run() -> Result:
    """One crowd, then one student alone."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((SOLUTIONS / EXERCISE).glob("*.py"))]
    with tempfile.TemporaryDirectory() as place, two_cores(), _server(Path(place)) as told:
        port = int(told["address"].rpartition(":")[2])
        tokens = [_join(port, told["code"], number) for number in range(STUDENTS + 1)]
        warm = _Client(port, tokens[-1])
        warm.submit("def softmax(x):\n    return x\n")
        _graded(port, tokens[-1:], 1)
        times, began = _crowd(port, tokens[:STUDENTS], texts)
        accepted_in = time.perf_counter() - began
        graded = _graded(port, tokens[:STUDENTS], EACH)
        graded_in = time.perf_counter() - began
        alone = []
        # The server has closed the connection that was idle meanwhile.
        warm = _Client(port, tokens[-1])
        for number in range(ALONE):
            started = time.perf_counter()
            warm.submit(f"{texts[number % len(texts)]}\n# alone {number}\n")
            alone.append(time.perf_counter() - started)
    count = STUDENTS * EACH
    p99 = sorted(times)[int(0.99 * len(times))]
    lost = count - graded
    return Result(
        "class_load", round(p99 * 1000, 1), round(median(alone) * 1000, 1), round(p99 / median(alone), 1), "ms", 1,
        "nothing lost", not lost and len(times) == count,
        "the median of acknowledging one student alone",
        {"students": STUDENTS, "submissions": count, "accepted a second": round(count / accepted_in, 1),
         "graded a second": round(count / graded_in, 1), "acknowledged, median ms": round(median(times) * 1000, 1),
         "acknowledged, p99 ms": round(p99 * 1000, 1), "lost": lost},
    )  # fmt: skip


class _Client:
    """One student's connection, kept open."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, given: Any = None) -> Any:
        """The body of an answer that is no refusal."""
        body = None if given is None else json.dumps(given)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
        return json.loads(text)

    def submit(self, source: str) -> Any:
        """Hand in."""
        return self.ask("POST", "/api/submissions", {"exercise": EXERCISE, "source": source})


def _crowd(port: int, tokens: list[str], texts: list[str]) -> tuple[list[float], float]:
    """Each student a thread, all at once; how long each acknowledgement took, and when it began."""
    times: list[float] = []
    gate = threading.Barrier(len(tokens) + 1)

    def hand_in(number: int, token: str) -> None:
        client = _Client(port, token)
        client.ask("GET", "/api/me")
        gate.wait()
        for each in range(EACH):
            source = f"{texts[(number + each) % len(texts)]}\n# {number} {each}\n"
            started = time.perf_counter()
            client.submit(source)
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=hand_in, args=item) for item in enumerate(tokens)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return times, began


def _graded(port: int, tokens: list[str], each: int) -> int:
    """Wait until everything is graded; how many were, and under how many students' names."""
    found = 0
    for token in tokens:
        client = _Client(port, token)
        end = time.monotonic() + 600
        while True:
            statuses = [one["status"] for one in client.ask("GET", "/api/submissions")]
            if len(statuses) >= each and "waiting" not in statuses:
                break
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        found += sum(status != "waiting" for status in statuses)
    return found


def _join(port: int, code: str, number: int) -> str:
    given = {"code": code, "name": f"Student {number}", "listed": True}
    return str(_Client(port, "").ask("POST", "/api/join", given)["token"])


@contextmanager
def _server(folder: Path) -> Iterator[dict[str, str]]:
    command = [*GRADLINGS, "serve", "--port", "0", "--database", str(folder / "class.db"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(timeout=60)

"""The server as a program, with real engines: killed at random instants, nothing that was accepted is lost or graded twice."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text

from grader.store.classbook import open_classbook
from tests.grader.batch.conftest import postgresql
from tests.grader.classroom.conftest import MINICOURSE

__all__ = ["postgresql"]

RIGHT = "def clamp(x, low, high):\n    return max(low, min(x, high))\n"
WRONG = "def clamp(x, low, high):\n    return min(low, max(x, high))\n"
KILLS = int(os.environ.get("GRADLINGS_KILLS", "3"))
Start = Callable[..., "Server"]


class Server:
    """`gradlings serve` on this class."""

    def __init__(self, database: str, port: int = 0, *options: str) -> None:
        command = [
            sys.executable, "-m", "grader.cli", "serve", "--port", str(port), "--database", database,
            "--course", str(MINICOURSE), "--jobs", "2", "--json", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told: dict[str, str] = json.loads(line)
        self.teacher = self.told["teacher_link"].partition("#")[2]
        self.port = int(self.told["address"].rpartition(":")[2])

    def ask(self, method: str, path: str, token: str = "", given: Any = None) -> tuple[int, Any]:
        """Status and body."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        data = None if given is None else json.dumps(given).encode()
        request = urllib.request.Request(self.told["address"] + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def join(self, name: str) -> str:
        status, joined = self.ask("POST", "/api/join", given={"code": self.told["code"], "name": name, "listed": True})
        assert status == 201, joined
        return str(joined["token"])

    def submit(self, token: str, source: str) -> dict[str, Any]:
        status, line = self.ask("POST", "/api/submissions", token, {"exercise": "numbers/clamp", "source": source})
        assert status == 202, line
        return dict(line)

    def statuses(self, token: str) -> dict[int, str]:
        return {one["id"]: one["status"] for one in self.ask("GET", "/api/submissions?limit=1000", token)[1]}

    def wait(self, token: str, seconds: float = 90) -> dict[int, str]:
        end = time.monotonic() + seconds
        while "waiting" in (found := self.statuses(token)).values():
            assert time.monotonic() < end, found
            time.sleep(0.1)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, and ends those that are left."""
    started: list[Server] = []

    def start(*arguments: Any) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


def test_a_class_from_nothing_to_a_graded_submission(start: Start, tmp_path: Path) -> None:
    server = start(str(tmp_path / "class.db"))
    ada = server.join("Ada")
    right, wrong = server.submit(ada, RIGHT), server.submit(ada, WRONG)
    assert server.wait(ada) == {right["id"]: "passed", wrong["id"]: "failed"}
    _, detail = server.ask("GET", f"/api/submissions/{wrong['id']}", ada)
    assert "min and max are exchanged" in json.dumps(detail["verdict"])
    assert {"seccomp", "rlimits"} <= set(detail["verdict"]["protections"])
    assert detail["verdict"]["seed"]
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children
    assert "Traceback" not in server.stop()
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running()]
    again = start(str(tmp_path / "class.db"))
    assert again.told["code"] == server.told["code"]
    assert again.statuses(ada) == {right["id"]: "passed", wrong["id"]: "failed"}
    assert again.ask("GET", "/api/me", server.teacher)[1]["role"] == "teacher"


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_any_instant_it_loses_nothing_and_grades_nothing_twice(
    start: Start, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = str(tmp_path / "class.db")
    if kind == "postgresql":
        database = request.getfixturevalue("postgresql")
        engine = create_engine(database)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    rng = random.Random(time.time_ns())
    server = start(database)
    tokens = [server.join(f"Student {number}") for number in range(3)]
    accepted: dict[tuple[int, str], dict[str, Any]] = {}
    number = 0
    for _ in range(KILLS):
        stop = threading.Event()
        lock = threading.Lock()

        def hand_in(
            who: int, server: Server = server, stop: threading.Event = stop, lock: threading.Lock = lock
        ) -> None:
            nonlocal number
            while not stop.is_set():
                with lock:
                    number += 1
                    source = f"{RIGHT if number % 2 else WRONG}# {number}\n"
                # Without an answer it may be kept or not; with one it must be.
                with contextlib.suppress(OSError, AssertionError, ValueError):
                    accepted[who, source] = server.submit(tokens[who], source)
                time.sleep(0.02)

        threads = [threading.Thread(target=hand_in, args=(who,)) for who in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.2, 1.5))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join()
        server = start(database)
    assert accepted
    for token in tokens:
        server.wait(token, 90 + 10 * KILLS)
    for (who, source), line in rng.sample(sorted(accepted.items()), min(20, len(accepted))):
        # The same again is the same submission, with its first receipt.
        again = server.submit(tokens[who], source)
        assert (again["id"], again["at"], again["receipt"]) == (line["id"], line["at"], line["receipt"])
    server.stop()
    with open_classbook(database if "://" in database else Path(database)) as book:
        assert book.waiting() == []
        for (who, source), line in accepted.items():
            kept = book.submitted(line["id"])
            assert kept is not None
            assert (kept.person, kept.at, book.source(kept.id)) == (who + 2, line["at"], source)
            assert kept.status == ("passed" if RIGHT in source else "failed")
        for who in range(3):
            [standing] = book.standing(who + 2)
            assert standing.attempts == len(book.submissions(who + 2, limit=10**6))
    _graded_once(database)


def _graded_once(database: str) -> None:
    engine = create_engine(database if "://" in database else f"sqlite:///{database}")
    with engine.connect() as connection:
        counts = connection.execute(
            text("SELECT count(*), count(verdict), count(DISTINCT source_sha256) FROM grading")
        ).one()
        uncounted = connection.scalar(text("SELECT count(*) FROM submission WHERE NOT counted"))
    engine.dispose()
    assert counts[0] == counts[1] == counts[2]
    assert uncounted == 0


def test_an_engine_that_dies_is_no_zero(start: Start, tmp_path: Path) -> None:
    server = start(str(tmp_path / "class.db"))
    ada = server.join("Ada")
    server.submit(ada, RIGHT)
    server.wait(ada)
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    for number in range(4):
        server.submit(ada, f"{RIGHT}# {number}\n")
    assert set(server.wait(ada).values()) == {"passed"}


@pytest.mark.parametrize("believed", [True, False])
def test_a_proxy_is_believed_where_it_is_named(start: Start, tmp_path: Path, believed: bool) -> None:
    server = start(str(tmp_path / "class.db"), 0, "--proxy", "127.0.0.1" if believed else "127.0.0.2")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7", "Sec-Fetch-Site": "same-origin"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/session", f"token={server.teacher}", headers | form)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 303
    assert ("Secure" in answer.headers["Set-Cookie"]) is believed
    connection.close()


def test_two_servers_on_one_class_are_refused(start: Start, tmp_path: Path) -> None:
    start(str(tmp_path / "class.db"))
    done = _failing("--database", str(tmp_path / "class.db"))
    assert done.returncode == 2
    assert "another gradlings is grading" in done.stderr


def test_wrong_usage_is_told(start: Start, tmp_path: Path) -> None:
    server = start(str(tmp_path / "class.db"))
    taken = _failing("--port", str(server.port), "--database", str(tmp_path / "other.db"))
    assert (taken.returncode, "cannot listen" in taken.stderr) == (2, True)
    nowhere = _failing("--database", str(tmp_path / "none" / "class.db"))
    assert (nowhere.returncode, "There is no folder" in nowhere.stderr) == (2, True)
    assert _failing("--database", "nonsense://x").returncode == 2


def _failing(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grader.cli", "serve", "--port", "0", "--course", str(MINICOURSE), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

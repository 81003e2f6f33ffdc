"""A store in a new folder with a clock that ticks one second a look; verdicts; a program that forks writers to kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from grader.model import Check, Verdict
from grader.store import Store, open_store

MakeVerdict = Callable[..., Verdict]


class Clock:
    """A clock that is a second later at every look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 23, 59, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Writers:
    """Talks to `writer.py`, which forks a child for each command and says when it is ready, what it did, how it ended."""

    def __init__(self) -> None:
        self.program = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("writer.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.unread: list[list[str]] = []

    def start(self, *command: object) -> int:
        """Fork a child that does `command`; its process id."""
        assert self.program.stdin is not None
        self.program.stdin.write("\t".join(map(str, command)) + "\n")
        return int(self.wait_for("started")[1])

    def wait_for(self, word: str) -> list[str]:
        """The next thing said that begins with `word`; what others say before is kept for later."""
        before: list[list[str]] = []
        while (said := self.line())[0] != word:
            assert said[0] not in {"crashed", "ended", ""}, said
            before.append(said)
        self.unread = before + self.unread
        return said

    def line(self) -> list[str]:
        """The next thing a child or the program says, in words."""
        assert self.program.stdout is not None
        return self.unread.pop(0) if self.unread else self.program.stdout.readline().rstrip("\n").split("\t")

    def until_ended(self, children: int = 1) -> list[list[str]]:
        """Everything said until so many children have ended, their ends included."""
        said: list[list[str]] = []
        while children:
            said.append(self.line())
            children -= said[-1][0] == "ended"
        return said

    def close(self) -> None:
        """End the program."""
        self.program.communicate(timeout=20)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "progress.db"


@pytest.fixture
def store(database: Path, clock: Clock) -> Iterator[Store]:
    with open_store(database, clock=clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def verdict() -> MakeVerdict:
    def make(status: str = "failed", score: float | None = None, version: int = 1, suite: str = "suite-1") -> Verdict:
        passed = status == "passed"
        checks = (Check("adds", "it adds", "passed" if passed else "failed", comparison={"actual": [1.5, "NaN"]}),)
        return Verdict(
            "mini", "plain/add", status, (1.0 if passed else 0.0) if score is None else score, checks,
            suite_sha256=suite, suite_version=version, duration_s=0.25,
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    program = Writers()
    yield program
    program.close()


@pytest.fixture(scope="session")
def powerless() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program that obeys file modes even where the tests run as root."""

    def drop() -> None:
        if os.geteuid() == 0:
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            for capability in range(64):
                libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: what exec may grant

    def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, preexec_fn=drop, timeout=60)

    return run

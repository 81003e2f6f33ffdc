"""A class in this process with a grader that decides by a word, for what HTTP, pages and permissions are about.

What is graded for real is in test_serve.py: the whole server as a program, with engines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.classroom.app import create_app
from grader.classroom.events import Hub
from grader.classroom.room import Room
from grader.course.read import find_course
from grader.model import Check, Diagnosis, Submission, Verdict
from grader.store.classbook import Classbook, open_classbook

MINICOURSE = Path(__file__).parents[2] / "minicourse"
CLAMP, SLOPE = "numbers/clamp", "numbers/slope"


@dataclass
class ByWord:
    """Passes what holds the word "right"; of "broken" the machine fails, as often as `faults` says."""

    faults: int = 0
    held: tuple[str, ...] = ("landlock-7", "seccomp", "rlimits")
    graded: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def protections(self) -> tuple[str, ...]:
        return self.held

    def grade(self, submission: Submission) -> Verdict:
        self.gate.wait(10)
        self.graded.append(submission.source)
        if "broken" in submission.source and self.faults:
            self.faults -= 1
            return Verdict("mini", submission.exercise, "ungraded", 0.0, (), message="the disk is full")
        passed = "right" in submission.source
        told = None if passed else Diagnosis("m", "The bounds are <b>exchanged</b>.")
        check = Check("c", "A check", "passed" if passed else "failed", diagnosis=told)
        return Verdict("mini", submission.exercise, "passed" if passed else "failed", float(passed), (check,))

    def close(self) -> None:
        self.gate.set()


@dataclass
class Klass:
    """An open class, and ways to ask it."""

    room: Room
    grader: ByWord
    client: TestClient
    teacher_token: str

    def join(self, name: str = "Ada Lovelace", **more: Any) -> dict[str, Any]:
        answer = self.client.post("/api/join", json={"code": self.room.code, "name": name, **more})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask(self, method: str, path: str, token: str, **more: Any) -> Any:
        return self.client.request(method, path, headers={"Authorization": f"Bearer {token}"}, **more)

    def submit(self, token: str, source: str, exercise: str = CLAMP) -> Any:
        return self.ask("POST", "/api/submissions", token, json={"exercise": exercise, "source": source})

    def done(self, seconds: float = 10) -> None:
        """Wait until nothing waits."""
        end = time.monotonic() + seconds
        while self.book.waiting():
            assert time.monotonic() < end, "something is not graded"
            time.sleep(0.01)

    @property
    def book(self) -> Classbook:
        return self.room.book


Make = Callable[..., Klass]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Opens a class; the same database again where it is asked again."""
    opened: list[Klass] = []

    def make(grader: ByWord | None = None, *, start: bool = True, place: Any = None) -> Klass:
        by_word = grader or ByWord()
        hub = Hub()

        def told(people: list[int]) -> None:
            for one in people:
                hub.tell("mine", one)
            hub.tell("leaderboard")

        book = open_classbook(place or tmp_path / "class.db")
        room = Room(book, find_course(str(MINICOURSE)), engine=lambda: by_word, told=told)
        client = TestClient(create_app(room, hub), base_url="http://class.test")
        client.__enter__()
        klass = Klass(room, by_word, client, room.teacher_token())
        opened.append(klass)
        if start:
            room.graders.start()
        return klass

    yield make
    for klass in opened:
        klass.client.__exit__(None, None, None)
        klass.room.close()


@pytest.fixture
def klass(make: Make) -> Klass:
    """An open class that grades."""
    return make()

"""What a class book answers with: frozen values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grader.model import Verdict

Role = Literal["student", "teacher"]
# Browsers are trusted for a shorter time than programs.
Kind = Literal["device", "browser"]


@dataclass(frozen=True)
class Person:
    """Somebody in the class. `name` and `email` are for teachers, `nickname` for everybody."""

    id: int
    role: Role
    name: str
    nickname: str
    listed: bool
    joined_at: str
    email: str = ""


@dataclass(frozen=True)
class Submitted:
    """Something a student handed in, and what came of it. `verdict` is None as long as it is not graded.

    `status` is "waiting" until then; `trouble` says why the grader could not do its work so far.
    """

    id: int
    person: int
    exercise: str
    at: str
    source_sha256: str
    status: str
    score: float
    trouble: str = ""
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Row:
    """A line of the leaderboard. `firsts`: exercises passed before anybody else. `streak`: days in a row, till `last_day`."""

    place: int
    person: int
    nickname: str
    points: int
    passed: int
    firsts: int
    streak: int
    last_day: str


@dataclass(frozen=True)
class Standing:
    """How far a student is with an exercise; `passed_at` is None where it is not passed.

    `reason` is given where a teacher set the points by hand.
    """

    exercise: str
    attempts: int
    best: float
    points: int
    passed_at: str | None
    first: bool
    reason: str | None = None


@dataclass(frozen=True)
class Cell:
    """One square of the teacher's map: a student's standing with one exercise."""

    person: int
    exercise: str
    attempts: int
    best: float
    passed: bool


@dataclass(frozen=True)
class Total:
    """How a class is doing with one exercise: students who tried it and who passed it, and all their attempts."""

    exercise: str
    tried: int
    passed: int
    attempts: int


@dataclass(frozen=True)
class Act:
    """Something somebody did to the class; `person` is None where it was the program that serves it."""

    at: str
    person: int | None
    what: str
    about: str

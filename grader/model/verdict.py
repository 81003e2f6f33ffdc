"""What is handed in, what is said of it, and what is kept. No I/O, no behaviour beyond what follows from the fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

CheckStatus = Literal["passed", "failed", "error", "timeout", "not_run"]
VerdictStatus = Literal["passed", "failed", "error", "not_started", "ungraded"]
SCHEMA = 1


@dataclass(frozen=True)
class Frame:
    """One line of the learner's own file in a traceback; `line` counts from 1."""

    file: str
    line: int
    code: str


@dataclass(frozen=True)
class Diagnosis:
    """The named mistake that reproduces everything the learner's code answered."""

    mistake: str
    message: str
    hint: int | None = None


@dataclass(frozen=True)
class Curve:
    """A curve that a check drew, such as the loss over the steps: finite numbers, in the order they came."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Point:
    """A point that a running check, called `title`, has just added to one of its curves."""

    check: str
    title: str
    curve: str
    x: float
    y: float


@dataclass(frozen=True)
class Check:
    """One check of a verdict. `comparison` is the data of a failed comparison (see docs/verdict.md)."""

    id: str
    title: str
    status: CheckStatus
    message: str = ""
    diagnosis: Diagnosis | None = None
    relation: str | None = None
    traceback: tuple[Frame, ...] = ()
    comparison: dict[str, Any] | None = None
    output: str = ""
    duration_s: float = 0.0
    curves: tuple[Curve, ...] = ()

    @property
    def failing(self) -> bool:
        """It was run and did not pass."""
        return self.status not in ("passed", "not_run")


# What a grading tells while it runs.
Step = Check | Point


@dataclass(frozen=True)
class Verdict:
    """What the judge decided about one submission; schema 1. `message` says why there is no score, where there is none."""

    course: str
    exercise: str
    status: VerdictStatus
    score: float
    checks: tuple[Check, ...]
    message: str = ""
    protections: tuple[str, ...] = ()
    seed: str = ""
    source_sha256: str = ""
    suite_sha256: str = ""
    suite_version: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    duration_s: float = 0.0
    schema: int = SCHEMA

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.status == "passed"


@dataclass(frozen=True)
class Submission:
    """A source to grade. `salt` varies the seed (a class key, or a round of `course check`).

    `seed`, where it is given, takes the place of the sources in it: all that are graded with the same one are asked the same.
    `uses` holds the sources of the earlier solutions it imports, by their ids. `last`: whether checks marked `last` are run.
    """

    exercise: str
    source: str
    salt: str = ""
    uses: Mapping[str, str] = field(default_factory=dict)
    last: bool = True
    seed: str = ""

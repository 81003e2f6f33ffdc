"""What a session answers with: frozen values, and the contracts of what it works with. No behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from grader.model import Attempt, Check, Exercise, Progress, Submission, Verdict

State = Literal["passed", "pending", "failed", "not_started"]


class Grader(Protocol):
    """What a session needs of `grader.engine.Engine`."""

    def warm(self) -> None: ...
    def grade(self, submission: Submission, on_check: Callable[[Check], None] | None = None) -> Verdict: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...


class GraderPool(Protocol):
    """What a session needs of `grader.engine.EnginePool`."""

    def grade_all(self, submissions: Iterable[Submission]) -> Iterator[tuple[Submission, Verdict]]: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """What came of grading a workspace's file once.

    `attempt` is None where it is none: the file is empty, too large, no text or does not parse (then `graded` is
    False and `verdict` has the status "error" and one check that says where), it repeats the source graded last, it
    is the untouched stub, the verdict is "ungraded", or the database can only be read (a notice says so).
    `first_pass`: passed now and never before. `unlocked`, on a first pass: the exercises that required this one and
    whose `requires` are all passed now. `next`, on a pass: what to do next; None where everything is passed.
    """

    exercise: Exercise
    verdict: Verdict
    attempt: Attempt | None = None
    graded: bool = True
    first_pass: bool = False
    unlocked: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True)
class Row:
    """One exercise as `list` shows it.

    `pending` is: passed, but with an older version of the suite (`progress.passed_version`). `ready`: everything it
    requires is passed. `on_path`: it is along the path chosen.
    """

    exercise: Exercise
    state: State
    progress: Progress
    current: bool
    ready: bool
    on_path: bool


@dataclass(frozen=True)
class Hint:
    """A stage of hint; `number` counts from 1. `new` is False where it had been taken before."""

    exercise: str
    number: int
    total: int
    text: str
    new: bool = False


@dataclass(frozen=True)
class Solution:
    """A worked solution opened to the learner. `assisted` says that a later pass is marked so."""

    exercise: str
    source: str
    assisted: bool


@dataclass(frozen=True)
class Replaced:
    """A learner's file that was replaced by `reset` or `restore`.

    `kept` is the copy made before, in the history; None where there was nothing of the learner's to keep.
    `set_aside` is where a file was moved that is no text, which the history cannot take.
    """

    exercise: str
    path: Path
    kept: Attempt | None
    set_aside: Path | None = None

"""What a session answers with: frozen values, and the contracts of what it works with. No behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from grader.model import Attempt, Exercise, Progress, State

if TYPE_CHECKING:
    from grader.model import Step, Submission, Verdict

Rating = Literal["again", "hard", "good", "easy"]


class Grader(Protocol):
    """What a session needs of `grader.engine.Engine`."""

    def warm(self) -> None: ...
    def grade(self, submission: Submission, on_step: Callable[[Step], None] | None = None) -> Verdict: ...
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


@dataclass(frozen=True)
class ReviewRow:
    """When a passed exercise is to be practised again.

    `due` is aware UTC; `overdue` says that its day has come where the learner is. `begun`: a review is under way.
    `stability` is FSRS's: the days after which it would be remembered with a probability of 90 %. `reviews` counts those ended.
    """

    exercise: Exercise
    due: datetime
    overdue: bool
    begun: bool
    stability: float
    reviews: int


@dataclass(frozen=True)
class ReviewBegun:
    """A review under way, and the file to write it in.

    `fresh`: the file is the stub now; False where it was left as the learner has it. `kept` and `set_aside` tell where its
    former content is, as in `Replaced`.
    """

    exercise: str
    path: Path
    fresh: bool
    kept: Attempt | None = None
    set_aside: Path | None = None


@dataclass(frozen=True)
class ReviewOutcome(Outcome):
    """What came of grading a review once; the exercise's own progress is as it was.

    `rating` and `due` (aware UTC: when it comes back) are set where a pass ended the review; a pass when none was under
    way is told and rated by nothing. `next`, on a pass: the exercise the learner is at.
    """

    rating: Rating | None = None
    due: datetime | None = None

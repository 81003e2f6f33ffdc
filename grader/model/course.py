"""What a course is made of. No I/O, no behaviour beyond what follows from the fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

Level = Literal["draft", "class", "published"]
State = Literal["passed", "pending", "failed", "not_started"]


@dataclass(frozen=True)
class Limits:
    """What one grading may use: seconds of wall clock per check, MiB of memory above the cell's own, MiB of output."""

    seconds: float = 5.0
    memory_mib: int = 1024
    output_mib: int = 16


@dataclass(frozen=True)
class Forbidden:
    """A call the exercise does not allow: a dotted name (`torch.softmax`) or an operator (`aten::_softmax`)."""

    name: str
    why: str


@dataclass(frozen=True)
class Exercise:
    """One exercise. `id` is `topic/name`; its three files follow from it by path arithmetic (see Course)."""

    id: str
    title: str
    requires: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    points: int = 10
    minutes: int = 30
    limits: Limits = Limits()
    forbid: tuple[Forbidden, ...] = ()
    roadmap: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    learnt: str = ""
    suite_version: int = 1
    level: Level = "published"
    equivalent_mutants: dict[str, str] = field(default_factory=dict)

    @property
    def topic(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]

    @property
    def name(self) -> str:
        """The part of the id after the slash."""
        return self.id.partition("/")[2]


@dataclass(frozen=True)
class Topic:
    """A topic and its exercises in the order of its `topic.toml`."""

    name: str
    title: str
    exercises: tuple[Exercise, ...]


@dataclass(frozen=True)
class Warm:
    """What judge and cell import and exercise before the first grading."""

    imports: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True)
class Course:
    """A course read from the folder `root`. `paths` are named lists of ids; the first one is the default.

    `roadmap` names the tags that exercises carry.
    """

    name: str
    title: str
    version: str
    root: Path
    topics: tuple[Topic, ...]
    paths: dict[str, tuple[str, ...]]
    warm: Warm = Warm()
    roadmap: dict[str, str] = field(default_factory=dict)

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """Every exercise by id, in the order of the topics."""
        return {exercise.id: exercise for topic in self.topics for exercise in topic.exercises}

    def stub(self, exercise_id: str) -> Path:
        """The file a learner starts from."""
        return self.root / "exercises" / f"{exercise_id}.py"

    def reference(self, exercise_id: str) -> Path:
        """The worked solution with its mistakes and alternatives."""
        return self.root / "reference" / f"{exercise_id}.py"

    def suite(self, exercise_id: str) -> Path:
        """The hidden suite."""
        topic, _, name = exercise_id.partition("/")
        return self.root / "tests" / "exercises" / topic / f"test_{name}.py"

    def data(self, exercise_id: str, name: str) -> Path:
        """A data file of the exercise's topic."""
        return self.root / "exercises" / exercise_id.partition("/")[0] / "data" / name

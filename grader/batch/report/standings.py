"""What came of a batch, student by student and in sum. Reads the ledger a few hundred results at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from grader.model import Course, Verdict
from grader.store.ledger import Ledger, Result, Work

# Of one student at one exercise: a verdict's status, or why there is none.
UNGRADED, REFUSED = "ungraded", "refused"


@dataclass(frozen=True)
class Tried:
    """What one student handed in for one exercise, the earliest first; `best` counts: the highest score, of equals the latest."""

    exercise: str
    results: tuple[Result, ...]

    @property
    def best(self) -> Result:
        return max(enumerate(self.results), key=lambda pair: (*_rank(pair[1].verdict), pair[0]))[1]

    @property
    def status(self) -> str:
        """The status of the best verdict; "ungraded" or "refused" where there is none."""
        best = self.best
        return best.verdict.status if best.verdict else REFUSED if best.work.key is None else UNGRADED

    @property
    def score(self) -> float:
        """Of the best, 0 to 1."""
        return self.best.verdict.score if self.best.verdict else 0.0

    @property
    def attempts(self) -> int:
        """How many different files were graded; the untouched stub is none."""
        return len({r.work.key for r in self.results if r.verdict and r.verdict.status != "not_started"})


@dataclass(frozen=True)
class Student:
    """A student with what they handed in, and what of it belongs to no exercise."""

    name: str
    tried: tuple[Tried, ...]
    refused: tuple[Work, ...]

    def points(self, course: Course) -> float:
        """What the best of each exercise earned."""
        return round(sum(t.score * course.exercises[t.exercise].points for t in self.tried), 2)


def students(ledger: Ledger, course: Course) -> Iterator[Student]:
    """Every student of the ledger's last run, by name; exercises in the order of the course."""
    order = {id: place for place, id in enumerate(course.exercises)}
    for name, results in groupby(ledger.results(), lambda result: result.work.student):
        found: dict[str, list[Result]] = {}
        refused = []
        for result in results:
            if result.work.exercise in order:
                found.setdefault(result.work.exercise, []).append(result)
            else:
                refused.append(result.work)
        tried = [Tried(id, tuple(found[id])) for id in sorted(found, key=order.__getitem__)]
        yield Student(name, tuple(tried), tuple(refused))


@dataclass
class AtExercise:
    """The class at one exercise. `checks` and `mistakes` count students, at their best attempt."""

    statuses: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    mistakes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[int] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)
    score: float = 0.0

    @property
    def handed_in(self) -> int:
        """How many students handed something in for it."""
        return self.statuses.total()

    @property
    def mean(self) -> float:
        """The mean score of those."""
        return self.score / self.handed_in if self.handed_in else 0.0


@dataclass
class Cluster:
    """Failures at one exercise of which nothing was said, and that gave the same answers to the same questions."""

    exercise: str
    checks: tuple[str, ...]
    students: list[str] = field(default_factory=list)
    source: str = ""


@dataclass
class Summary:
    """The whole batch. `points` are the students' totals, in the order of their names."""

    course: Course
    students: list[str] = field(default_factory=list)
    points: list[float] = field(default_factory=list)
    exercises: dict[str, AtExercise] = field(default_factory=dict)
    clusters: list[Cluster] = field(default_factory=list)
    graded: int = 0
    ungraded: int = 0
    refused: int = 0

    @property
    def most(self) -> int:
        """The points there are, at the exercises that anybody handed in."""
        return sum(self.course.exercises[id].points for id in self.exercises)


def summarise(ledger: Ledger, course: Course) -> Summary:
    """Read it all once."""
    summary = Summary(course)
    clusters: dict[tuple[str, str], Cluster] = {}
    for student in students(ledger, course):
        summary.students.append(student.name)
        summary.points.append(student.points(course))
        summary.refused += len(student.refused)
        for tried in student.tried:
            _count(summary, student.name, tried)
            _cluster(clusters, student.name, tried)
    order = {id: place for place, id in enumerate(course.exercises)}
    summary.exercises = {id: summary.exercises[id] for id in sorted(summary.exercises, key=order.__getitem__)}
    together = [cluster for cluster in clusters.values() if len(cluster.students) > 1]
    summary.clusters = sorted(together, key=lambda c: (-len(c.students), order[c.exercise]))
    return summary


def _count(summary: Summary, name: str, tried: Tried) -> None:
    at = summary.exercises.setdefault(tried.exercise, AtExercise())
    at.statuses[tried.status] += 1
    at.names.setdefault(tried.status, []).append(name)
    at.score += tried.score
    at.attempts[tried.attempts] += 1
    verdict = tried.best.verdict
    if verdict is not None:
        at.checks.update(check.title for check in verdict.checks if check.failing)
        at.mistakes.update({check.diagnosis.message for check in verdict.checks if check.diagnosis})
    for result in tried.results:
        summary.graded += result.verdict is not None
        summary.ungraded += result.verdict is None and result.work.key is not None
        summary.refused += result.work.key is None


def _cluster(clusters: dict[tuple[str, str], Cluster], name: str, tried: Tried) -> None:
    for result in tried.results:
        if result.answers and result.verdict:
            failing = tuple(check.title for check in result.verdict.checks if check.failing)
            cluster = clusters.setdefault((tried.exercise, result.answers), Cluster(tried.exercise, failing))
            if name not in cluster.students:
                cluster.students.append(name)
            if not cluster.source or len(result.source) < len(cluster.source):
                cluster.source = result.source


def _rank(verdict: Verdict | None) -> tuple[int, float]:
    return (0, 0.0) if verdict is None else (2 if verdict.passed else 1, verdict.score)

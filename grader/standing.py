"""Where a learner stands in a course: what is passed, what is next, what a pass unlocks. Works it out; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from grader.course.order import course_order
from grader.model import Course, Exercise, Progress, State
from grader.results import Row


@dataclass(frozen=True)
class Standing:
    """A course, one learner's progress in it, the path they chose and the exercise they set as the current one."""

    course: Course
    known: Mapping[str, Progress]
    chosen_path: str | None = None
    chosen: str | None = None

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by id."""
        return self.course.exercises

    @cached_property
    def progress(self) -> dict[str, Progress]:
        """What is known of every exercise, by id."""
        return {id_: self.known.get(id_, Progress(id_)) for id_ in self.exercises}

    @cached_property
    def passed(self) -> frozenset[str]:
        """The exercises passed, in whatever version."""
        return frozenset(id_ for id_, each in self.progress.items() if each.passed_version is not None)

    @property
    def path(self) -> str:
        """The path chosen, where the course has it still; else its first."""
        chosen = self.chosen_path
        return chosen if chosen in self.course.paths else next(iter(self.course.paths))

    @cached_property
    def order(self) -> list[str]:
        """All exercises: those along the path, then the rest in the course's order."""
        along = course_order(self.course, self.path)
        rest = set(self.exercises).difference(along)
        return along + [id_ for id_ in course_order(self.course) if id_ in rest]

    @property
    def current(self) -> str | None:
        """The one set, else the first not passed; None where all are passed."""
        if self.chosen in self.exercises:
            return self.chosen
        return next((id_ for id_ in self.order if id_ not in self.passed), None)

    def following(self, exercise: str) -> str | None:
        """The first after `exercise` that is not passed, from the start again at the end; None where all others are."""
        place = self.order.index(exercise)
        rest = self.order[place + 1 :] + self.order[:place]
        return next((id_ for id_ in rest if id_ not in self.passed), None)

    def unlocked(self, exercise: str) -> tuple[str, ...]:
        """What became ready by the pass of `exercise`: it required it, and all it requires is passed now."""
        return tuple(
            each.id
            for each in self.exercises.values()
            if exercise in each.requires and each.id not in self.passed and self.passed.issuperset(each.requires)
        )

    def with_pass(self, exercise: str) -> Standing:
        """The standing once `exercise` is passed too."""
        version = self.exercises[exercise].suite_version
        known = {**self.known, exercise: replace(self.progress[exercise], passed_version=version)}
        return Standing(self.course, known, self.chosen_path, self.chosen)

    def state(self, exercise: str) -> State:
        """Passed, passed in an older version only ("pending"), failed so far, or not started."""
        known = self.progress[exercise]
        if known.passed_version is not None:
            return "passed" if known.passed_version >= self.exercises[exercise].suite_version else "pending"
        return "failed" if known.attempts and known.last_status != "not_started" else "not_started"

    def rows(self) -> list[Row]:
        """One row per exercise, in order."""
        along, current = set(self.course.paths[self.path]), self.current
        return [
            Row(
                exercise=self.exercises[id_],
                state=self.state(id_),
                progress=self.progress[id_],
                current=id_ == current,
                ready=self.passed.issuperset(self.exercises[id_].requires),
                on_path=id_ in along,
            )
            for id_ in self.order
        ]

"""The use cases of a workspace: grade and record, hint, solution, review, reset, restore, update, what to do next.

One Session joins a workspace, its course, its progress and the engine; the command line and the app are faces on
it. It prints nothing and asks nothing. What looks at sources, replaces files, stores and grades is imported at its first
use, so that what needs none of it stays fast: `list` costs the course and the store, `show` the course alone.

A Session is used by one thread at a time, but for `cancel` and, to end a grading that heeds
none, `close`, which another may call while `grade` runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course.lock import GraderLock, acquire
from grader.course.names import find, unknown
from grader.course.order import course_order
from grader.course.uses import gather
from grader.course.workspace import Workspace, open_workspace
from grader.errors import CourseError, UsageError
from grader.model import Attempt, Course, Exercise, Progress, State
from grader.results import (
    Grader,
    GraderPool,
    Hint,
    Outcome,
    Replaced,
    ReviewBegun,
    ReviewOutcome,
    ReviewRow,
    Row,
    Solution,
)
from grader.standing import Standing

if TYPE_CHECKING:
    from grader.course.update import Change
    from grader.model import Step, Submission, Verdict
    from grader.statistics import Statistics
    from grader.store import Store

__all__ = [
    "Grader", "GraderPool", "Hint", "Outcome", "Replaced", "ReviewBegun", "ReviewOutcome", "ReviewRow", "Row", "Session",
    "Solution", "State",
]  # fmt: skip

CURRENT = "current"
PATH = "path"


class Session:
    """A workspace opened for work.

    A context manager; `close` ends the engine's processes and the database connection. Methods that take an
    exercise take its id, and raise UsageError where the course has none of that id.
    """

    def __init__(
        self,
        workspace: Workspace,
        engine_factory: Callable[[Course], Grader] | None = None,
        pool_factory: Callable[[Course, int], GraderPool] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self.workspace = workspace
        self.course = workspace.course
        self._exercises = workspace.course.exercises
        self._aliases = {alias: each.id for each in self._exercises.values() for alias in each.aliases}
        self._engine_factory = engine_factory or _engine
        self._pool_factory = pool_factory or _pool
        self._clock = clock or _now
        self._engine: Grader | None = None
        self._store: Store | None = None

    @classmethod
    def open(
        cls,
        start: Path,
        course_spec: str | None = None,
        *,
        engine_factory: Callable[[Course], Grader] | None = None,
        pool_factory: Callable[[Course, int], GraderPool] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> Session:
        """Open the workspace that `start` is in. `course_spec` (see `find_course`) says where its course lies now.

        `clock` tells the time, aware of its zone; for tests.

        Raises UsageError where there is no workspace or it is of another course, CourseError where its course
        cannot be read.
        """
        return cls(open_workspace(start, course_spec), engine_factory, pool_factory, clock)

    @property
    def notices(self) -> tuple[str, ...]:
        """Plain sentences to show once: that the course is newer, and what the store has to say once it is open."""
        ours, theirs = self.workspace.course_version, self.course.version
        newer = f"The course is version {theirs}, your files are of version {ours}: `gradlings update` brings them up."
        return ((newer,) if ours != theirs else ()) + (self._store.notices if self._store else ())

    # Naming

    def resolve(self, text: str) -> str:
        """The exercise meant by `text`: an id, an alias, a name that only one exercise has, or a file of the workspace.

        Raises UsageError with the nearest ids.
        """
        found = find(self.course, text)
        found = found or self.exercise_of(Path(text)) or self.exercise_of(self.workspace.root / text)
        if found is None:
            raise unknown(self.course, text)
        return found

    def exercise(self, exercise: str) -> Exercise:
        """The exercise of that id."""
        if exercise not in self._exercises:
            raise unknown(self.course, exercise)
        return self._exercises[exercise]

    def file(self, exercise: str) -> Path:
        """The learner's file of that exercise, which may be missing."""
        return self.workspace.file(self.exercise(exercise).id)

    def exercise_of(self, path: Path) -> str | None:
        """The exercise whose file `path` is, None where it is none's."""
        return self.workspace.exercise_of(path)

    # Grading

    def warm(self) -> None:
        """Start the engine, which warms up in the background, and open the store: the first save pays for neither."""
        import grader.course.source
        import grader.verdict_json  # noqa: F401

        self._grader().warm()
        _ = self.store

    def grade(self, exercise: str, on_step: Callable[[Step], None] | None = None, kind: str = "save") -> Outcome:
        """Grade the learner's file as it is now and record the attempt; it is recorded when this returns.

        Raises UsageError where the file is missing or cannot be opened, EngineError, StoreError, and
        `grader.engine.Cancelled` after `cancel` (nothing is recorded then).
        """
        found = self.exercise(exercise)
        source = self._source(found)
        if isinstance(source, Outcome):
            return source
        verdict = self._grader().grade(self.submission(exercise, source), on_step)
        return self._record(found, source, verdict, kind)

    def submission(self, exercise: str, source: str) -> Submission:
        """`source` for that exercise, with the learner's own earlier solutions that it imports, as they were when last passed.

        Raises UsageError where one of these is not passed yet.
        """
        from grader.model import Submission

        return Submission(exercise, source, uses=gather(self.course, exercise, source, self._passed_source(exercise)))

    def _passed_source(self, exercise: str) -> Callable[[str], str]:
        def find(earlier: str) -> str:
            passed = [each for each in self.store.attempts(earlier) if each.status == "passed"]
            if not passed:
                raise UsageError(
                    f"{exercise} builds on your own {earlier}, which is not passed yet.",
                    f"Do {earlier} first: `gradlings show {earlier}`.",
                )
            return self.store.source(passed[-1].source_sha256)

        return find

    def verify(self, exercises: Sequence[str] | None = None, jobs: int | None = None) -> Iterator[Outcome]:
        """Grade many exercises (default: all) in parallel and record each; outcomes come as they finish.

        `jobs` is the number of engines, by default one for every two cores. A file that is missing or cannot be
        opened gives an outcome that is not graded, as one that does not parse does.
        """
        submissions: dict[str, Submission] = {}
        for found in [self.exercise(each) for each in exercises or self.order()]:
            try:
                source = self._source(found)
                if not isinstance(source, Outcome):
                    submissions[found.id] = self.submission(found.id, source)
                    continue
            except UsageError as error:
                from grader.course.source import refusal

                source = Outcome(found, refusal(self.course, found, error.message), graded=False)
            yield source
        if not submissions:
            return
        pool = self._pool_factory(self.course, min(jobs or max(1, (os.cpu_count() or 1) // 2), len(submissions)))
        try:
            for submission, verdict in pool.grade_all(submissions.values()):
                found = self._exercises[submission.exercise]
                yield self._record(found, submission.source, verdict, "verify")
        finally:
            pool.close()

    def cancel(self) -> None:
        """From another thread: let the grading that runs end with `Cancelled`."""
        if self._engine is not None:
            self._engine.cancel()

    def _source(self, exercise: Exercise) -> str | Outcome:
        from grader.course.source import readable

        source = readable(self.workspace, exercise)
        return source if isinstance(source, str) else Outcome(exercise, source, graded=False)

    def _record(self, exercise: Exercise, source: str, verdict: Verdict, kind: str) -> Outcome:
        before = self._standing() if verdict.passed else None
        attempt = None
        if not self.store.read_only and (verdict.passed or not self.workspace.untouched(exercise.id, source)):
            attempt = self.store.record(exercise.id, source, verdict, kind=kind)
        if before is None:
            return Outcome(exercise, verdict, attempt)
        if before.chosen == exercise.id and not self.store.read_only:
            self.store.set_setting(CURRENT, "")
        now, first = before.with_pass(exercise.id), exercise.id not in before.passed
        unlocked = now.unlocked(exercise.id) if first else ()
        return Outcome(exercise, verdict, attempt, True, first, unlocked, now.following(exercise.id))

    # Where the learner is

    @property
    def path(self) -> str:
        """The name of the path chosen."""
        return self._standing().path

    def set_path(self, name: str) -> None:
        """Choose another path of the course. Raises UsageError where there is none of that name."""
        course_order(self.course, name)
        self.store.set_setting(PATH, name)

    def order(self) -> list[str]:
        """All exercises: those along the path, then the rest in the course's order."""
        return self._standing().order

    def current(self) -> str | None:
        """The exercise set by `set_current`, else the first not passed; None where all are."""
        return self._standing().current

    def set_current(self, exercise: str) -> None:
        """Work on this one, until it is graded as passed."""
        self.store.set_setting(CURRENT, self.exercise(exercise).id)

    def next(self, exercise: str | None = None) -> str | None:
        """The first exercise after `exercise` (default: the current one) that is not passed.

        From the start again at the end; None where all others are passed.
        """
        standing = self._standing()
        after = standing.current if exercise is None else self.exercise(exercise).id
        return None if after is None else standing.following(after)

    def progress(self) -> dict[str, Progress]:
        """What is known of every exercise of the course, by id."""
        return self._standing().progress

    def overview(self) -> list[Row]:
        """One row per exercise, in `order()`."""
        return self._standing().rows()

    def _standing(self) -> Standing:
        chosen = self.store.setting(CURRENT)
        chosen = self._aliases.get(chosen or "", chosen)
        return Standing(self.course, self.store.progress(), self.store.setting(PATH), chosen)

    # Help

    def hint(self, exercise: str) -> Hint:
        """The next stage of hint, recorded as taken; the last one again where all have been.

        Raises UsageError where the exercise has no hints.
        """
        found = self.exercise(exercise)
        if not found.hints:
            raise UsageError(f"{exercise} has no hints.", f"`gradlings show {exercise}` shows what is asked.")
        self.helped(exercise, "hint")
        taken = self._hints_taken(found)
        number = min(taken + 1, len(found.hints))
        if number > taken:
            self.store.take_hint(exercise, number)
        return Hint(exercise, number, len(found.hints), found.hints[number - 1], new=number > taken)

    def hints(self, exercise: str) -> list[Hint]:
        """The hints taken so far."""
        found = self.exercise(exercise)
        total = len(found.hints)
        return [Hint(exercise, i + 1, total, found.hints[i]) for i in range(self._hints_taken(found))]

    def _hints_taken(self, exercise: Exercise) -> int:
        # A newer course may have fewer hints than were taken.
        return min(self.store.hints_taken(exercise.id), len(exercise.hints))

    def solution(self, exercise: str, confirm: bool = False) -> Solution:
        """The worked solution after a pass; or after all hints and with `confirm`: a later pass is "assisted" then.

        Raises UsageError saying what is still to be done, or that the course is sealed.
        """
        found, known = self.exercise(exercise), self.progress()[exercise]
        path = self.course.reference(exercise)
        if not path.is_file():
            raise UsageError(f"{self.course.title} keeps its solutions to itself.", "Ask whoever teaches it.")
        if known.passed_version is None and not self.store.solution_opened(exercise):
            left = len(found.hints) - self._hints_taken(found)
            if left:
                raise UsageError(
                    f"{exercise} is not passed yet, and {left} of its {len(found.hints)} hints not taken.",
                    f"`gradlings hint {exercise}` gives the next one.",
                )
            if not confirm:
                raise UsageError(
                    f"{exercise} is not passed yet.", "Confirm that its solution is to open: a later pass is assisted."
                )
            self.store.open_solution(exercise)
        from grader.course.source import worked_solution

        try:
            source = worked_solution(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError) as error:
            raise CourseError(str(path), f"cannot be read: {error}", "Install the course again.") from None
        self.helped(exercise, "solution")
        return Solution(exercise, source, known.assisted or known.passed_version is None)

    # Review

    def reviews(self, now: datetime | None = None) -> list[ReviewRow]:
        """Every passed exercise and when it is to be practised again, the one that is due first coming first.

        `now` is aware of the learner's zone, whose days count; by default the clock's time in this computer's zone.
        """
        from grader.localtime import LocalZone
        from grader.review import rows

        return rows(self.course, self.store, now or self._clock().astimezone(LocalZone()))

    def review_file(self, exercise: str) -> Path:
        """Where reviews of that exercise are written; there is nothing before the first one is begun."""
        return self.workspace.review.file(self.exercise(exercise).id)

    def review_of(self, path: Path) -> str | None:
        """The exercise whose review `path` is, None where it is none's."""
        return self.workspace.review.exercise_of(path)

    def begin_review(self, exercise: str, again: bool = False) -> ReviewBegun:
        """Put the stub of a passed exercise into the review folder; one under way is kept, unless `again`.

        What the file held goes to the history first. Raises UsageError where the exercise is not passed.
        """
        from grader.review import begin

        return begin(self.workspace, self.store, self.exercise(exercise).id, again=again)

    def grade_review(self, exercise: str, on_step: Callable[[Step], None] | None = None) -> ReviewOutcome:
        """Grade the review's file and record the attempt; a pass ends the review. Progress stays as it is.

        Raises what `grade` raises.
        """
        from grader.review import readable, record

        found = self.exercise(exercise)
        source = readable(self.workspace, found)
        if not isinstance(source, str):
            return ReviewOutcome(found, source, graded=False)
        verdict = self._grader().grade(self.submission(exercise, source), on_step)
        attempt, rating, due = record(self.workspace, self.store, found, source, verdict, self._clock())
        standing = self._standing()
        after = standing.following(exercise) if standing.current == exercise else standing.current
        return ReviewOutcome(found, verdict, attempt, next=after if verdict.passed else None, rating=rating, due=due)

    def give_up(self, exercise: str) -> ReviewRow:
        """End the review under way as one that failed; the row says when it comes back.

        Raises UsageError where none is under way.
        """
        from grader.localtime import LocalZone
        from grader.review import give_up

        return give_up(self.course, self.store, self.exercise(exercise).id, self._clock().astimezone(LocalZone()))

    def helped(self, exercise: str, what: str) -> None:
        """Note that a "hint" or the "solution" was shown, which counts where a review of the exercise is under way.

        `hint` and `solution` do so themselves; for whoever shows the hints taken earlier during a review.
        """
        if not self.store.read_only:
            self.store.help_review(self.exercise(exercise).id, what)

    # History

    def history(self, exercise: str | None = None, limit: int | None = None) -> list[Attempt]:
        """The newest attempts and kept copies, the newest last."""
        return self.store.attempts(None if exercise is None else self.exercise(exercise).id, limit)

    def statistics(self, now: datetime, weeks: int = 26) -> Statistics:
        """Activity, streaks, progress and time spent, seen from `now`, which is aware of the learner's zone."""
        from grader.statistics import statistics_of

        return statistics_of(self._standing(), self.store.attempts(), now, self._aliases, weeks)

    def source(self, sequence: int) -> str:
        """The source of attempt number `sequence`. Raises UsageError where there is none."""
        return self.store.source(self.store.attempt(sequence).source_sha256)

    def verdict(self, sequence: int) -> Verdict:
        """The verdict of attempt number `sequence`. Raises UsageError where there is none."""
        return self.store.verdict(sequence)

    def last_verdict(self, exercise: str) -> Verdict | None:
        """The newest verdict of an exercise."""
        return self.store.last_verdict(self.exercise(exercise).id)

    def reset(self, exercise: str) -> Replaced:
        """Put the stub back; the learner's file goes to the history first."""
        from grader.replacing import put_stub

        return put_stub(self.workspace, self.store, self.exercise(exercise).id)

    def restore(self, exercise: str, sequence: int) -> Replaced:
        """Put attempt number `sequence` back; the learner's file goes to the history first."""
        attempt = self.store.attempt(sequence)
        theirs = self._aliases.get(attempt.exercise, attempt.exercise)
        if theirs != self.exercise(exercise).id:
            raise UsageError(
                f"Attempt {sequence} is one at {theirs}, not at {exercise}.",
                f"`gradlings history {exercise}` lists those at {exercise}.",
            )
        from grader.replacing import put

        data = self.store.source(attempt.source_sha256).encode()
        return put(self.workspace, self.store, exercise, data, "restore")

    def update(self) -> list[Change]:
        """Bring the workspace to the course as it is now; see `grader.course.update`."""
        from grader.course.update import update

        changes = update(self.workspace)
        self.workspace = replace(self.workspace, course_version=self.course.version)
        return changes

    # The rest

    def lock(self) -> GraderLock | None:
        """Become the workspace's one grader (`watch`); None where another program is."""
        return acquire(self.workspace.lock_file)

    @property
    def store(self) -> Store:
        """The progress database, opened at the first use. Raises StoreError."""
        if self._store is None:
            from grader.store import open_store  # SQLAlchemy costs more than all the rest of `list`

            self._store = open_store(self.workspace.database, aliases=self._aliases, clock=self._clock)
        return self._store

    def close(self) -> None:
        """End the engine and close the database. Idempotent."""
        engine, self._engine = self._engine, None
        store, self._store = self._store, None
        if engine is not None:
            engine.close()
        if store is not None:
            store.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _grader(self) -> Grader:
        if self._engine is None:
            self._engine = self._engine_factory(self.course)
        return self._engine


def _now() -> datetime:
    return datetime.now(UTC)


def _engine(course: Course) -> Grader:
    from grader.engine import Engine

    return Engine(course)


def _pool(course: Course, jobs: int) -> GraderPool:
    from grader.engine import EnginePool

    return EnginePool(course, jobs)

"""`gradlings course check`: grades stub, reference, alternatives, mistakes and mutants, and says what is unsound."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grader.authoring.mutate import mutants, variant
from grader.authoring.report import Finding, Kill, Report
from grader.authoring.statement import ALTERNATIVES, MISTAKES, static_findings
from grader.course.source import mark_of
from grader.course.uses import of_references
from grader.engine import EnginePool
from grader.model import Course, Exercise, Submission, Verdict

SEEDS = 10
# Checks marked `last` take long: they are run under so many seeds, and not for mutants, which the others have to kill.
LAST_SEEDS = 2
# A mutant that loops for ever is killed; waiting for it as long as for a learner would be waste.
MUTANT_SECONDS = 1.5
DIAGNOSIS_S = 5.0


@dataclass(frozen=True)
class Mark:
    """A decorated function or class of a reference, read from its source."""

    kind: str
    name: str
    of: str


@dataclass(frozen=True)
class Task:
    """One grading and what is to become of it. `kind`: stub, started, reference, again, alternative, mistake or mutant."""

    kind: str
    name: str
    submission: Submission


def read_marks(reference: str) -> list[Mark]:
    """The mistakes and alternatives of a reference, without executing it."""
    found = []
    for node in ast.parse(reference).body:
        mark = mark_of(node)
        if mark and isinstance(node, ast.FunctionDef | ast.ClassDef) and isinstance(mark[1].get("of"), str):
            found.append(Mark(mark[0], node.name, mark[1]["of"]))
    return found


def check_course(
    course: Course,
    ids: Iterable[str],
    *,
    jobs: int | None = None,
    seeds: int = SEEDS,
    mutation: bool = True,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Report]:
    """Check the exercises `ids` in parallel; `on_progress` hears gradings done and in all."""
    reports: dict[str, Report] = {}
    plain: list[Task] = []
    edited: list[Task] = []
    for exercise_id in ids:
        exercise = course.exercises[exercise_id]
        reports[exercise_id] = Report(exercise_id, seeds=seeds)
        for task in _tasks(course, exercise, reports[exercise_id], seeds, mutation):
            (edited if task.kind == "mutant" else plain).append(task)
    done, total = 0, len(plain) + len(edited)
    verdicts: dict[str, list[Verdict]] = {}
    # Mutants need a shorter clock and no diagnosis: engines of their own.
    for some, quick in ((plain, False), (edited, True)):
        for task, verdict in _graded(course, some, jobs, quick):
            _note(
                reports[task.submission.exercise], course.exercises[task.submission.exercise], task, verdict, verdicts
            )
            done += 1
            on_progress(done, total)
    for report in reports.values():
        report.survivors.sort()
    return list(reports.values())


def _tasks(course: Course, exercise: Exercise, report: Report, seeds: int, mutation: bool) -> Iterator[Task]:
    paths = [path(exercise.id) for path in (course.stub, course.reference, course.suite)]
    texts = [_read(course, path, report) for path in paths]
    if any(text is None for text in texts):
        return
    stub, reference, suite = (text or "" for text in texts)
    report.findings += static_findings(course, exercise, stub, reference, suite)
    marks = read_marks(reference)
    edits = mutants(reference) if mutation else []
    mistakes = [mark for mark in marks if mark.kind == "mistake"]
    alternatives = [mark for mark in marks if mark.kind == "alternative"]
    report.alternatives = len(alternatives)
    at = f"reference/{exercise.id}.py"
    if len(mistakes) < MISTAKES[exercise.level]:
        report.findings.append(
            Finding(
                at,
                f"{len(mistakes)} mistakes; a {exercise.level} exercise has at least {MISTAKES[exercise.level]}",
                "add what learners get wrong, as functions under @mistake",
            )
        )
    if len(alternatives) < ALTERNATIVES[exercise.level]:
        report.findings.append(
            Finding(
                at,
                "has no alternative",
                "add another right solution under @alternative: it shows that the suite does not ask for one style",
            )
        )

    def task(kind: str, name: str, source: str, salt: str = "", *, last: bool = True) -> Task:
        uses = of_references(course, exercise.id, source)
        return Task(kind, name, Submission(exercise.id, source, salt, uses, last))

    yield task("stub", "stub", stub)
    # The stub itself is never run: with a line more it is a learner's file, and must not pass.
    yield task("started", "stub", f"{stub}\npass\n")
    for seed in range(seeds):
        salt, last = f"seed {seed}", seed < LAST_SEEDS
        yield task("reference", salt, reference, salt, last=last)
        for mark in alternatives:
            source = variant(reference, mark.of, mark.name)
            yield task("alternative", f"{mark.name}, {salt}", source, salt, last=last)
    for mark in mistakes:
        # Twice: the same source must get the same verdict.
        yield task("mistake", mark.name, variant(reference, mark.of, mark.name))
        yield task("again", mark.name, variant(reference, mark.of, mark.name))
    for mutant in edits:
        yield task("mutant", mutant.label, mutant.source, last=False)


def _read(course: Course, path: Path, report: Report) -> str | None:
    """The text of a file that parses, or None and a finding."""
    where = path.relative_to(course.root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
        ast.parse(text, where)
    except OSError as error:
        report.findings.append(Finding(where, f"cannot be read: {error.strerror}", "every exercise has this file"))
    except UnicodeDecodeError as error:
        report.findings.append(Finding(where, f"is not UTF-8: {error}", "save it as UTF-8"))
    except (SyntaxError, ValueError) as error:
        report.findings.append(Finding(where, f"does not parse: {error}", "mend the line it names"))
    else:
        return text
    return None


def _graded(course: Course, tasks: list[Task], jobs: int | None, quick: bool) -> Iterator[tuple[Task, Verdict]]:
    if not tasks:
        return
    if quick:
        course = _with_seconds(course, MUTANT_SECONDS)
    waiting = {id(task.submission): task for task in tasks}
    budget = 0.0 if quick else DIAGNOSIS_S
    with EnginePool(course, jobs or os.cpu_count() or 1, budget_s=budget) as pool:
        for submission, verdict in pool.grade_all(task.submission for task in tasks):
            yield waiting[id(submission)], verdict


def _with_seconds(course: Course, seconds: float) -> Course:
    topics = tuple(
        replace(
            topic,
            exercises=tuple(
                replace(e, limits=replace(e.limits, seconds=min(seconds, e.limits.seconds))) for e in topic.exercises
            ),
        )
        for topic in course.topics
    )
    return replace(course, topics=topics)


def _note(report: Report, exercise: Exercise, task: Task, verdict: Verdict, verdicts: dict[str, list[Verdict]]) -> None:
    """Enter one verdict in the report."""
    stub = task.kind in ("stub", "started")
    at = f"exercises/{exercise.id}.py" if stub else f"reference/{exercise.id}.py: {task.kind} {task.name}"
    if verdict.status == "ungraded":
        report.findings.append(Finding(at, verdict.message, "it tells which file of the course is broken"))
        return
    first = next((check for check in verdict.checks if check.failing), None)
    # Where checks marked `last` were not wanted, they are not missed.
    ran = any(check.status == "passed" for check in verdict.checks)
    passed = verdict.passed or (not task.submission.last and ran and first is None)
    told = f"{first.title}: {first.message}" if first else verdict.message
    match task.kind:
        case "stub" if verdict.status != "not_started":
            problem = f"the stub is `{verdict.status}`, not `not_started`: {told}"
            report.findings.append(Finding(at, problem, "it has to load, and to leave the work to the learner"))
        case "started" if passed:
            report.findings.append(Finding(at, "the stub passes every check", "take out what the learner is to write"))
        case "reference" | "alternative" if not passed:
            report.findings.append(Finding(at, f"does not pass. {told}", "a right solution must pass under every seed"))
        case "reference":
            report.checks = len(verdict.checks)
            report.suite_s = max(report.suite_s, sum(check.duration_s for check in verdict.checks))
        case "mistake" | "again":
            _note_mistake(report, task, verdict, verdicts.setdefault(f"{exercise.id} {task.name}", []), at)
        case "mutant":
            report.mutants += 1
            if passed:
                reason = exercise.equivalent_mutants.get(task.name)
                if reason:
                    report.argued[task.name] = reason
                else:
                    report.survivors.append(task.name)
                    report.findings.append(
                        Finding(
                            at,
                            "survives: every check passes",
                            "kill it by a check, or argue under `equivalent_mutants` in topic.toml that it is equal",
                        )
                    )


def _note_mistake(report: Report, task: Task, verdict: Verdict, both: list[Verdict], at: str) -> None:
    both.append(verdict)
    if len(both) == 2:
        if _outcome(both[0]) != _outcome(both[1]):
            report.findings.append(
                Finding(at, "two gradings of the same source differ", "is there a generator the suite does not seed?")
            )
        return
    failed = tuple(check.id for check in verdict.checks if check.status != "passed")
    diagnosed = next((check.diagnosis.mistake for check in verdict.checks if check.diagnosis), None)
    report.kills.append(Kill(task.name, failed, len(verdict.checks), diagnosed))
    if verdict.passed:
        report.findings.append(Finding(at, "passes: the suite is too weak", "add a check that rejects it"))
    elif diagnosed != task.name:
        report.findings.append(
            Finding(
                at,
                f"is diagnosed as {diagnosed or 'nothing'}",
                "make a check on which the two differ before the first failure",
            )
        )


def _outcome(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(check.id, check.status, check.message) for check in verdict.checks]

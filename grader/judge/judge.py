"""The judge's work on one request: from a source to a verdict."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from grader.judge.cells import CellParent
from grader.judge.channel import Transcript
from grader.judge.diagnosis import diagnose
from grader.judge.evidence import gather
from grader.judge.grading import Grading
from grader.judge.relation import relation
from grader.judge.replay import Reference
from grader.judge.request import Materials, Request, parsed, read_materials, same_program
from grader.judge.shortcuts import forbidden_uses
from grader.judge.suite import Outcome, Suite
from grader.judge.verdict import NO_SHORTCUTS, Source, explain, score, to_check, verdict_status, with_help
from grader.model import Check, Forbidden, Step, Verdict
from grader.testing.proxy import LearnerError


class SuiteFault(Exception):
    """The suite or the reference itself is broken: the grader's fault, never the learner's."""


class Judge:
    """Grades requests one after another. Keeps nothing of a learner between them."""

    def __init__(self, parent: CellParent, protections: tuple[str, ...], versions: dict[str, str]) -> None:
        self._parent = parent
        self._protections = protections
        self._versions = versions
        self._references: dict[str, Reference] = {}
        self._last: tuple[Path, str] | None = None
        self._ahead: tuple[tuple[Path, str], Suite] | None = None

    def get_ahead(self) -> None:
        """Collect the last suite once more: who has saved a file will most likely save the same one again."""
        if self._last is not None and self._ahead is None:
            self._ahead = (self._last, Suite(self._last[0]))

    def _suite(self, path: Path, sha256: str) -> Suite:
        self._last = (path, sha256)
        ahead, self._ahead = self._ahead, None
        return ahead[1] if ahead is not None and ahead[0] == self._last else Suite(path)

    def grade(
        self, request: Request, idle: Callable[[], None], on_step: Callable[[Step], None]
    ) -> tuple[Verdict, list[Transcript]]:
        """The verdict, and what was recorded. Raises SuiteFault, ParentGone, and what `idle` raises."""
        started = time.perf_counter()
        materials = self._materials(request)
        verdict = Verdict(
            request.course,
            request.exercise,
            "error",
            0.0,
            (),
            protections=self._protections,
            source_sha256=hashlib.sha256(request.source.encode("utf-8", "surrogatepass")).hexdigest(),
            suite_sha256=materials.sha256,
            suite_version=request.suite_version,
            versions=self._versions,
        )
        source = Source(request.file, request.source)
        grading = Grading(
            request,
            materials,
            self._reference(request, materials),
            self._parent,
            idle,
            lambda outcome: on_step(to_check(outcome, source)),
            on_step,
        )
        try:
            verdict = self._judge(
                request, materials, grading, source, replace(verdict, seed=grading.seed_text), on_step
            )
        finally:
            grading.close()
        return replace(verdict, duration_s=time.perf_counter() - started), grading.transcripts

    def _judge(
        self,
        request: Request,
        materials: Materials,
        grading: Grading,
        source: Source,
        verdict: Verdict,
        on_step: Callable[[Step], None],
    ) -> Verdict:
        grading.start()
        # The cell executes the source while this process looks at it, and collects the suite where it is not collected yet.
        # A stub that loads is not run: nothing was tried yet. The suite is still collected, for the plan.
        tree = parsed(request.source)
        grading.dry = tree is not None and same_program(tree, materials.program)
        uses = forbidden_uses(tree, request.forbid) if tree is not None else []
        outcomes, errors = self._suite(request.suite, materials.sha256).run(grading)
        grading.loaded()
        skip = grading.dry and grading.load_error is None
        if errors:
            raise SuiteFault(f"{request.suite}: {errors[0]}")
        checks = [to_check(outcome, source) for outcome in outcomes]
        if request.forbid and not skip and grading.load_error is None and tree is not None:
            checks.append(_shortcut_check(uses, outcomes, source))
            on_step(checks[-1])
        if grading.load_error is not None:
            ended, message, frames = explain(grading.load_error, source)
            message = f"Your file could not be loaded. {message}"
            checks[0] = replace(checks[0], status=ended, message=message, traceback=frames, output=grading.load_output)
            on_step(checks[0])
            return replace(verdict, checks=tuple(checks), message=message)
        if skip:
            return replace(verdict, status="not_started", checks=tuple(checks), message="This is still the stub.")
        if grading.load_output and checks:
            checks[0] = replace(checks[0], output=grading.load_output + checks[0].output)
        status = verdict_status(checks, outcomes)
        if status in ("failed", "error") and not all(outcome.check.last for outcome in outcomes if outcome.error):
            # What is marked `last` takes long, and would take it again with every mistake that is tried.
            checks = self._helped(request, materials, grading, checks)
        return replace(verdict, status=status, score=score(checks), checks=tuple(checks))

    def _helped(self, request: Request, materials: Materials, grading: Grading, checks: list[Check]) -> list[Check]:
        reference = self._reference(request, materials)
        try:
            evidence = gather(reference, grading.transcripts)
            found = diagnose(reference, evidence, request.budget_s)
            return with_help(checks, evidence.parted, found, None if found else relation(evidence))
        except Exception:
            # The verdict stands without help. The engine keeps what is written here for `doctor`.
            traceback.print_exc()
            return checks

    def _materials(self, request: Request) -> Materials:
        try:
            return read_materials(request)
        except (OSError, UnicodeDecodeError) as error:
            raise SuiteFault(f"a file of the course cannot be read: {error}") from None

    def _reference(self, request: Request, materials: Materials) -> Reference:
        known = self._references.get(materials.sha256)
        if known is None:
            try:
                known = Reference(materials.reference, str(request.reference), materials.uses)
            except Exception as error:
                raise SuiteFault(f"{request.reference}: {type(error).__name__}: {error}") from None
            self._references[materials.sha256] = known
        return known


def _shortcut_check(uses: list[tuple[int, Forbidden]], outcomes: list[Outcome], source: Source) -> Check:
    """The check that stands for all forbidden calls: seen in the source, or caught when they were called."""
    if uses:
        line, item = uses[0]
        return Check(
            NO_SHORTCUTS.id,
            NO_SHORTCUTS.title,
            "failed",
            f"{item.name} is not allowed here: {item.why}",
            traceback=source.frames([(line, "")]),
        )
    caught = [o.error for o in outcomes if isinstance(o.error, LearnerError) and o.error.kind == "ForbiddenCall"]
    if caught:
        return Check(
            NO_SHORTCUTS.id, NO_SHORTCUTS.title, "failed", caught[0].text, traceback=source.frames(caught[0].frames)
        )
    if all(not outcome.ran for outcome in outcomes):
        return Check(NO_SHORTCUTS.id, NO_SHORTCUTS.title, "not_run")
    return Check(NO_SHORTCUTS.id, NO_SHORTCUTS.title, "passed")

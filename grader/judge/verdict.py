"""Forms the verdict: every planned check exactly once, by id; what is missing, skipped, crashed or late is not passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from grader.judge.cells import CellGone
from grader.judge.comparison import comparison
from grader.judge.suite import Outcome, Planned
from grader.model import Check, CheckStatus, Diagnosis, Frame, VerdictStatus
from grader.testing.compare import Mismatch
from grader.testing.proxy import LearnerError
from grader.text import clean

MAX_MESSAGE = 4000
MAX_CODE = 200
NO_SHORTCUTS = Planned("no_shortcuts", "Written by hand, without a forbidden shortcut")


class Source:
    """The learner's source, for turning line numbers into frames."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        # As Python counts them: `splitlines` also ends a line at form feeds and at separators of Unicode.
        self._lines = re.split(r"\r\n|\r|\n", text)

    def frames(self, lines: Iterable[tuple[int, str]]) -> tuple[Frame, ...]:
        """Frames of the learner's own file; line numbers beyond its end are dropped."""
        return tuple(
            Frame(self._file, line, clean(self._lines[line - 1].strip()[:MAX_CODE]))
            for line, _ in lines
            if 0 < line <= len(self._lines)
        )


def to_check(outcome: Outcome, source: Source) -> Check:
    """The check an outcome comes to."""
    check = Check(
        outcome.check.id,
        outcome.check.title,
        "not_run",
        outcome.why,
        output=outcome.output,
        duration_s=outcome.duration_s,
        curves=outcome.curves,
    )
    if not outcome.ran:
        return check
    if outcome.error is None:
        return replace(check, status="passed")
    status, message, frames = explain(outcome.error, source)
    data = comparison(outcome.error) if isinstance(outcome.error, Mismatch) else None
    return replace(check, status=status, message=message, traceback=frames, comparison=data)


def explain(error: BaseException, source: Source) -> tuple[CheckStatus, str, tuple[Frame, ...]]:
    """Status, message and learner's frames for what ended a check."""
    if isinstance(error, LearnerError):
        return "error", _clip(_told(error)), source.frames(error.frames)
    if isinstance(error, CellGone):
        status: CheckStatus = "timeout" if error.reason == "late" else "error"
        return status, _clip(error.message), source.frames(error.lines)
    if isinstance(error, AssertionError):
        return "failed", _clip(str(error) or "The property does not hold."), ()
    if isinstance(error, pytest.fail.Exception):
        return "failed", _clip(_not_raised(error.msg or "")), ()
    # The suite stumbled over what it was given: the reference passes it, so the answer was of an unexpected kind.
    return "failed", _clip(f"The check could not use what your code returned ({type(error).__name__}: {error})."), ()


def _not_raised(message: str) -> str:
    """pytest.raises says "DID NOT RAISE ValueError", or "any of (...)", or by older versions "<class 'ValueError'>"."""
    before, said, after = message.partition("DID NOT RAISE")
    names = re.findall(r"\b[A-Z]\w*", after) if said and not before else []
    return f"Your code should have raised {' or '.join(names)} here, and did not." if names else message


def _told(error: LearnerError) -> str:
    if error.kind == "NotImplementedError":
        return f"Not written yet: {error.text}" if error.text else "Not written yet."
    if error.kind == "ForbiddenCall":
        return error.text
    if error.kind == "SystemExit":
        return "Your code asked Python to exit (SystemExit) instead of returning an answer."
    if error.kind == "MemoryError" or "can't allocate memory" in error.text:
        return "Your code ran out of memory."
    if error.kind == "WireError":
        return f"What your code returned cannot be handed to the grader: {error.text}."
    if error.kind == "AttributeError" and error.text.startswith("module 'solution' has no attribute"):
        name = error.text.rpartition("'")[0].rpartition("'")[2]
        return f"There is no `{name}` in your file (was it renamed or deleted?)."
    return f"Your code raised {error}"


def _clip(text: str) -> str:
    text = clean(text)
    return text if len(text) <= MAX_MESSAGE else text[:MAX_MESSAGE] + " [cut]"


def not_written(error: BaseException | None) -> bool:
    """Whether a check ended at a stub."""
    return isinstance(error, LearnerError) and error.kind == "NotImplementedError"


def verdict_status(checks: list[Check], outcomes: list[Outcome]) -> VerdictStatus:
    """The verdict's status. The first check that is not passed decides between failed and error."""
    if checks and all(check.status == "passed" for check in checks):
        return "passed"
    if (
        not any(check.status == "passed" for check in checks if check.id != NO_SHORTCUTS.id)
        and all(not_written(outcome.error) or not outcome.ran for outcome in outcomes)
        and any(not_written(outcome.error) for outcome in outcomes)
    ):
        return "not_started"
    first = next((check for check in checks if check.failing), None)
    return "failed" if first is None or first.status == "failed" else "error"


def score(checks: list[Check]) -> float:
    """The share of the suite's checks that passed; 0 where a forbidden shortcut was taken, which is not one of them."""
    own = [check for check in checks if check.id != NO_SHORTCUTS.id]
    if not own or any(check.status == "failed" for check in checks if check.id == NO_SHORTCUTS.id):
        return 0.0
    return sum(check.status == "passed" for check in own) / len(own)


def with_help(
    checks: list[Check], parted: set[str], diagnosis: Mapping[str, Diagnosis], relation: str | None
) -> list[Check]:
    """The checks, with their diagnosis or the relation beside those in which the learner's answers part from the expected."""
    return [
        replace(check, diagnosis=diagnosis.get(check.id), relation=relation)
        if check.id in parted and check.failing
        else check
        for check in checks
    ]

"""`gradlings debug`: records what a failing check asks of the learner's file, and asks it again in their terminal under pdb.

The recording is the judge's; the replay is a program of its own (`grader.testing.replay`), outside the sandbox: it is the
learner's own code in the learner's own terminal. Expected values do not travel.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any

import msgspec

from grader.engine import Engine
from grader.errors import EngineError, UsageError
from grader.model import Check, Verdict
from grader.session import Session


def debug(session: Session, exercise: str, check: str | None = None) -> int:
    """Replay `check` (default: the first that is not passed) of `exercise` under pdb; the exit code of the replay.

    Raises UsageError where there is nothing to replay, EngineError where the grader could not do its work.
    """
    path = session.file(exercise)
    source = session.workspace.read(exercise)
    submission = session.submission(exercise, source)
    with Engine(session.course) as engine:
        graded = engine.grade_recorded(submission, want_calls=True)
    chosen = choose(graded.verdict, check)
    calls = recorded_until(graded.calls, chosen.id)
    if not calls:
        raise UsageError(f"The check {chosen.id} made no call of your code.", chosen.message or None)
    order = {
        "file": str(path),
        "check": chosen.id,
        "title": chosen.title,
        "message": chosen.message,
        "warm": list(session.course.warm.imports),
        "uses": dict(submission.uses),
        "calls": calls,
    }
    with tempfile.NamedTemporaryFile(prefix="gradlings-", suffix=".calls") as recording:
        recording.write(msgspec.msgpack.encode(order))
        recording.flush()
        command = [sys.executable, "-P", "-B", "-m", "grader.testing.replay", recording.name]
        return subprocess.run(command, cwd=path.parent, check=False).returncode


def choose(verdict: Verdict, check: str | None) -> Check:
    """The check to replay. Raises UsageError or EngineError with the reason where there is none."""
    if verdict.status == "ungraded":
        raise EngineError(verdict.message)
    if check is not None:
        found = next((item for item in verdict.checks if item.id == check), None)
        if found is None:
            names = ", ".join(item.id for item in verdict.checks)
            raise UsageError(f"{verdict.exercise} has no check {check}.", f"Its checks: {names}.")
        return found
    failing = next((item for item in verdict.checks if item.failing), None)
    if failing is None:
        why = "it is still the stub" if verdict.status == "not_started" else "every check passes"
        raise UsageError(
            f"There is nothing to debug in {verdict.exercise}: {why}.", "Name a CHECK to step through it anyway."
        )
    return failing


def recorded_until(calls: list[list[Any]], check: str) -> list[list[Any]]:
    """The calls of `check` and those before it in the same cell, which made the objects it uses; `[check, request,
    call-backs]` each."""
    segment = next((call[0] for call in calls if call[1] == check), None)
    if segment is None:
        return []
    last = max(i for i, call in enumerate(calls) if call[1] == check and call[0] == segment)
    return [[call[1], call[2], call[4]] for call in calls[: last + 1] if call[0] == segment]

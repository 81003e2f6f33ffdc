"""What grades a task, wherever it runs: in a thread of this machine, or on a Dask worker. Only ids and sources travel.

A worker keeps an engine for each of its threads; engines are programs of their own and end when it ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from grader.batch.keys import Keys, environment
from grader.course.read import find_course
from grader.engine import Engine
from grader.errors import CourseError, EngineError, GradlingsError
from grader.model import Course, Submission, Verdict
from grader.verdict_json import to_json

# Differently written programs with one mistake part in the last digits.
DIGITS = 3
_NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
_LOCK = threading.Lock()
_ENGINES: dict[tuple[str, int], Engine] = {}


class Unusable(GradlingsError):
    """This worker cannot grade for whoever asks: it has another version of the course, or of a library."""


def grade(
    spec: str, expected: str, exercise: str, suite_sha256: str, source: str, uses: Mapping[str, str]
) -> tuple[bytes, str]:
    """Grade one submission of the course named `spec`: the verdict as JSON, and who graded.

    Raises Unusable where this machine's environment is not the one `expected`, or its course another; EngineError where the
    grading could not be done.
    """
    engine = _fit(spec, expected, exercise, suite_sha256)
    verdict = engine.grade(Submission(exercise, source, uses=uses))
    if verdict.status == "ungraded":
        raise EngineError(verdict.message)
    return to_json(verdict), name()


def answers(
    spec: str, expected: str, exercise: str, suite_sha256: str, source: str, uses: Mapping[str, str]
) -> tuple[bytes, str]:
    """As `grade`, with the seed that all submissions share, so that all are asked the same: the `fingerprint`, and who graded."""
    engine = _fit(spec, expected, exercise, suite_sha256)
    verdict = engine.grade(Submission(exercise, source, uses=uses, seed=suite_sha256, last=False))
    if verdict.status == "ungraded":
        raise EngineError(verdict.message)
    return fingerprint(verdict).encode(), name()


def _fit(spec: str, expected: str, exercise: str, suite_sha256: str) -> Engine:
    """This thread's engine, where this machine may grade for whoever asks."""
    here = environment()
    if here != expected:
        raise Unusable(
            f"the worker on {platform.node()} has {here}, where {expected} was expected",
            "Install the same versions on every machine of the cluster.",
        )
    try:
        here = _keys(spec).suite(exercise)
    except (CourseError, KeyError) as error:
        raise Unusable(
            f"the worker on {platform.node()} cannot read {exercise}: {error}", "Install the course on every machine."
        ) from None
    if here != suite_sha256:
        raise Unusable(
            f"the worker on {platform.node()} has another version of {exercise}",
            "Install the same version of the course on every machine of the cluster.",
        )
    return _engine(spec)


def name() -> str:
    """Who this is: this machine and process."""
    return f"{platform.node()}:{os.getpid()}"


def close() -> None:
    """End this process's engines."""
    with _LOCK:
        engines = list(_ENGINES.values())
        _ENGINES.clear()
    for engine in engines:
        engine.close()


def fingerprint(verdict: Verdict) -> str:
    """The same for verdicts whose failing checks are the same ones and say the same, up to the last digits of numbers."""
    failing = [
        [check.id, check.status, _rounded(check.message), _values(check.comparison)]
        for check in verdict.checks
        if check.failing
    ]
    return hashlib.sha256(json.dumps(failing).encode()).hexdigest() if failing else ""


@lru_cache(maxsize=4)
def _keys(spec: str) -> Keys:
    return Keys(_course(spec))


@lru_cache(maxsize=4)
def _course(spec: str) -> Course:
    return find_course(spec)


def _engine(spec: str) -> Engine:
    with _LOCK:
        place = (spec, threading.get_ident())
        if place not in _ENGINES:
            _ENGINES[place] = Engine(_course(spec))
        return _ENGINES[place]


def _rounded(message: str) -> str:
    return _NUMBER.sub(lambda found: f"{float(found[0]):.{DIGITS}g}", message)


def _values(comparison: dict[str, Any] | None) -> Any:
    side = (comparison or {}).get("actual") or {}
    values = side.get("values") or []
    numbers = [abs(value) for value in values if isinstance(value, int | float)]
    # Against the largest: what should be zero is a different speck of dust in each.
    unit = max(numbers, default=0.0) * 10**-DIGITS or 1.0
    return [
        side.get("shape"),
        side.get("dtype"),
        [round(v / unit) if isinstance(v, int | float) else v for v in values],
    ]

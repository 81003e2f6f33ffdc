"""The frozen values that everything passes on.

`course` is loaded with this; `progress` and `verdict` when something of them is asked for: the app paints without either, and
`list` prints without the latter.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from grader.model.course import Course, Exercise, Forbidden, Level, Limits, State, Topic, Warm

if TYPE_CHECKING:
    from grader.model.progress import Attempt, Progress
    from grader.model.verdict import (
        SCHEMA,
        Check,
        CheckStatus,
        Curve,
        Diagnosis,
        Frame,
        Point,
        Step,
        Submission,
        Verdict,
        VerdictStatus,
    )

__all__ = [
    "SCHEMA", "Attempt", "Check", "CheckStatus", "Course", "Curve", "Diagnosis", "Exercise", "Forbidden", "Frame", "Level",
    "Limits", "Point", "Progress", "State", "Step", "Submission", "Topic", "Verdict", "VerdictStatus", "Warm",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "progress" if name in ("Attempt", "Progress") else "verdict"
    return getattr(importlib.import_module(f"grader.model.{module}"), name)

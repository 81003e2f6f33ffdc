"""The frozen values that everything passes on.

`course` is loaded with this; `verdict` when something of it is asked for: the app paints, and `list` prints, without.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from grader.model.course import Course, Exercise, Forbidden, Level, Limits, State, Topic, Warm

if TYPE_CHECKING:
    from grader.model.verdict import (
        SCHEMA,
        Attempt,
        Check,
        CheckStatus,
        Curve,
        Diagnosis,
        Frame,
        Point,
        Progress,
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
    return getattr(importlib.import_module("grader.model.verdict"), name)

"""What is kept of a learner's work. No I/O, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.model.verdict import VerdictStatus


@dataclass(frozen=True)
class Attempt:
    """One graded save in the history. `sequence` orders attempts; `at` is ISO 8601 UTC with offset."""

    sequence: int
    at: str
    exercise: str
    source_sha256: str
    status: VerdictStatus
    score: float
    duration_s: float
    suite_version: int
    kind: str = "save"


@dataclass(frozen=True)
class Progress:
    """What is known of one exercise. `passed_version` is the newest suite version passed, `assisted` a pass after the
    solution was opened."""

    exercise: str
    attempts: int = 0
    passed_version: int | None = None
    passed_at: str | None = None
    assisted: bool = False
    hints: int = 0
    best_score: float = 0.0
    last_status: VerdictStatus | None = None

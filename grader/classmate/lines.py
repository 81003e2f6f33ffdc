"""What the server says of a submission. It is data: of the shape that is read here, or no answer of a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """A submission. `status` is "waiting" until it is graded; `receipt` is the class's signature that it has it since `at`.

    `verdict` is the document of docs/verdict.md, unread; None where there is none, or it was not asked for.
    """

    id: int
    exercise: str
    at: str
    status: str
    score: float
    trouble: str
    source_sha256: str
    receipt: str
    verdict: dict[str, Any] | None = None


_TEXTS = ("exercise", "at", "status", "trouble", "source_sha256", "receipt")


def line_of(found: Any) -> Line:
    """A line from the server's answer; keys it does not know are passed over. Raises ValueError."""
    if not isinstance(found, dict):
        raise ValueError("no object")
    id, score, verdict = found.get("id"), found.get("score"), found.get("verdict")
    texts = {name: found.get(name) for name in _TEXTS}
    if type(id) is not int or id < 1 or isinstance(score, bool) or not isinstance(score, int | float):
        raise ValueError("no number")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(verdict, dict | None):
        raise ValueError("not a text")
    return Line(id=id, score=float(score), verdict=verdict, **texts)  # type: ignore[arg-type]

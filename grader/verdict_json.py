"""A verdict as JSON and back: the documented schema, for `--json`, the progress database and the class server.

Stateless; imports neither SQLAlchemy nor torch. Numbers in a comparison are finite: the judge writes "NaN",
"Infinity" and "-Infinity" as strings, because JSON has no such numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from grader.errors import GradlingsError
from grader.model import SCHEMA, Verdict


class VerdictFormatError(GradlingsError):
    """These bytes are not a verdict, or this verdict cannot be written as JSON."""


@dataclass(frozen=True)
class _Envelope:
    """What is read first: the number that tells how to read the rest. No default, so that it must be there."""

    schema: int


def to_json(verdict: Verdict) -> bytes:
    r"""The verdict as one line of UTF-8 JSON, `schema` first. A lone surrogate is written as the six characters `\udXXX`.

    Raises VerdictFormatError where a number is NaN or infinite, or a value has no place in JSON.
    """
    plain: dict[str, Any] = {"schema": verdict.schema}
    plain.update({field.name: getattr(verdict, field.name) for field in fields(verdict)})
    _refuse_non_finite(verdict)
    try:
        try:
            return msgspec.json.encode(plain)
        except UnicodeEncodeError:
            # Learners print what they like, and a verdict must not be lost for it.
            return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(plain)))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise _unwritable(verdict, f"cannot be written as JSON: {error}") from error


def from_json(data: bytes) -> Verdict:
    """The verdict that `to_json` wrote. Unknown fields are passed over: schema 1 may grow.

    Raises VerdictFormatError for anything else, with the place of the first fault.
    """
    try:
        schema = msgspec.json.decode(data, type=_Envelope).schema
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VerdictFormatError(f"This is not a verdict: {error}.", "A verdict is what `--json` prints.") from error
    if schema != SCHEMA:
        raise VerdictFormatError(
            f"This verdict has the schema {schema}; this version of gradlings reads schema {SCHEMA}.",
            "Upgrade gradlings with `pip install --upgrade gradlings`." if schema > SCHEMA else None,
        )
    try:
        return msgspec.json.decode(data, type=Verdict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise VerdictFormatError(f"This verdict cannot be read: {error}.", "Grade the file again.") from error


def _refuse_non_finite(verdict: Verdict) -> None:
    # msgspec would write them as null, and the reader would find nothing where a number was.
    numbers = [verdict.score, verdict.duration_s, *(check.duration_s for check in verdict.checks)]
    if not all(_finite(value) for value in [*numbers, *(check.comparison for check in verdict.checks)]):
        raise _unwritable(verdict, "holds a number that is NaN or infinite")


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_finite, value))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return [_without_surrogates(item) for item in value] if isinstance(value, list | tuple) else value


def _unwritable(verdict: Verdict, why: str) -> VerdictFormatError:
    hint = "This is a fault of the grader, not of the learner's file. Please report it with the exercise's name."
    return VerdictFormatError(f"The verdict on {verdict.exercise} {why}.", hint)

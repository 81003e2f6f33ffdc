"""What is asked of and written to the tables, on a connection handed in. Begins and ends no transaction.

An exercise may have had other names: where `names` is a tuple, it holds the id and every older one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, case, func, insert, literal, null, select, union_all
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.sql import ColumnElement

from grader.model import Attempt, Progress
from grader.store.schema import attempt, hint, setting, solution_opened, source, verdict

if TYPE_CHECKING:
    from grader.model import Verdict

KEPT = "ungraded"
# The kinds of attempt at a copy in the review folder, which no progress is made of.
REVIEW, REVIEW_KEPT = "review", "review-kept"
REVIEWS = (REVIEW, REVIEW_KEPT)
# On a verdict with comparisons level 1 took a sixth of the default's time, 2.5 ms, for a tenth more bytes (measured).
_LEVEL = 1
# A learner may type any number; SQLite holds 64 bits.
_NO_SEQUENCE = 1 << 63
_ATTEMPT = (
    attempt.c.sequence,
    attempt.c.at,
    attempt.c.exercise,
    attempt.c.source_sha256,
    attempt.c.status,
    attempt.c.score,
    attempt.c.duration_s,
    attempt.c.suite_version,
    attempt.c.kind,
)
_FROM_VERDICT = ("suite_sha256", "suite_version", "status", "score", "duration_s")


def names_of(exercise: str, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """`exercise` and every older id that leads to it."""
    return (exercise, *(old for old in aliases if old != exercise and current_name(old, aliases) == exercise))


def current_name(name: str, aliases: Mapping[str, str]) -> str:
    """The id that `name`, itself an id or an older one, leads to."""
    # An id may have been renamed twice; a circle in the aliases ends where it began.
    seen = {name}
    while name in aliases and aliases[name] not in seen:
        name = aliases[name]
        seen.add(name)
    return name


def newest(
    connection: Connection, names: tuple[str, ...], *, graded: bool, review: bool = False, after: int = 0
) -> tuple[Attempt, str] | None:
    """The newest attempt under `names` and the hash of its suite; only graded ones where `graded`.

    Either those at the exercise itself or, where `review`, those at its reviews; with a sequence above `after`.
    """
    reviews = attempt.c.kind.in_(REVIEWS)
    query = select(*_ATTEMPT, attempt.c.suite_sha256).where(
        attempt.c.exercise.in_(names), reviews if review else ~reviews, attempt.c.sequence > after
    )
    if graded:
        query = query.where(attempt.c.status != KEPT)
    row = connection.execute(query.order_by(attempt.c.sequence.desc()).limit(1)).first()
    return (Attempt(*row[:-1]), row[-1]) if row else None


def is_known(connection: Connection, sha256: str) -> bool:
    """Whether any attempt has the text with this hash."""
    return connection.scalar(select(literal(1)).where(attempt.c.source_sha256 == sha256).limit(1)) is not None


def text_hash(text: str) -> str:
    """The key of a source: the SHA-256 of its UTF-8, in hexadecimal."""
    return hashlib.sha256(_encoded(text)).hexdigest()


@dataclass(frozen=True)
class Packed:
    """What an attempt holds, ready to be written, so that the packing is done before the database is locked."""

    sha256: str
    text: bytes
    verdict: bytes | None


def packed(text: str, graded: Verdict | None) -> Packed:
    """Pack a source and its verdict, if it has one. Raises VerdictFormatError."""
    from grader.verdict_json import to_json  # with msgspec, which `list` can do without

    body = None if graded is None else zlib.compress(to_json(graded), _LEVEL)
    return Packed(text_hash(text), zlib.compress(_encoded(text), _LEVEL), body)


def add_attempt(
    connection: Connection,
    names: tuple[str, ...],
    at: str,
    kind: str,
    graded: Verdict | None,
    content: Packed,
) -> Attempt:
    """Append an attempt at the exercise `names[0]` with its source and, where it was graded, its verdict."""
    connection.execute(insert_or(source).values(sha256=content.sha256, body=content.text).on_conflict_do_nothing())
    row: dict[str, Any] = {"at": at, "exercise": names[0], "source_sha256": content.sha256, "kind": kind}
    if graded is None:
        row |= {
            "suite_sha256": "",
            "suite_version": 0,
            "status": KEPT,
            "score": 0.0,
            "duration_s": 0.0,
            "assisted": False,
        }
    else:
        row |= {name: getattr(graded, name) for name in _FROM_VERDICT}
        row["assisted"] = graded.passed and is_opened(connection, names)
    key = connection.execute(insert(attempt).values(row)).inserted_primary_key
    row["sequence"] = key[0] if key else None
    if content.verdict is not None:
        connection.execute(insert(verdict).values(sequence=row["sequence"], body=content.verdict))
    return Attempt(**{column.name: row[column.name] for column in _ATTEMPT})


def attempts(connection: Connection, names: tuple[str, ...] | None, limit: int | None, after: int) -> list[Attempt]:
    """The newest `limit` attempts after sequence `after`; the newest last."""
    query = select(*_ATTEMPT).where(attempt.c.sequence > after).order_by(attempt.c.sequence.desc()).limit(limit)
    if names is not None:
        query = query.where(attempt.c.exercise.in_(names))
    return [Attempt(*row) for row in connection.execute(query)][::-1]


def attempt_at(connection: Connection, sequence: int) -> Attempt | None:
    """The attempt with this number."""
    if not 0 < sequence < _NO_SEQUENCE:
        return None
    row = connection.execute(select(*_ATTEMPT).where(attempt.c.sequence == sequence)).first()
    return Attempt(*row) if row else None


def source_body(connection: Connection, sha256: str) -> bytes | None:
    """The compressed text with this hash."""
    return connection.scalar(select(source.c.body).where(source.c.sha256 == sha256))


def unpacked_source(body: bytes, sha256: str) -> str:
    """The text in a row of `source`. ValueError where it is not what was written."""
    data = _unpacked(body)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError("the text does not match its hash")
    return data.decode("utf-8", "surrogatepass")


def verdict_body(connection: Connection, sequence: int) -> bytes | None:
    """The compressed verdict of an attempt."""
    if not 0 < sequence < _NO_SEQUENCE:
        return None
    return connection.scalar(select(verdict.c.body).where(verdict.c.sequence == sequence))


def unpacked_verdict(body: bytes) -> Verdict:
    """The verdict in a row of `verdict`. ValueError where it is not what was written."""
    from grader.verdict_json import VerdictFormatError, from_json

    try:
        return from_json(_unpacked(body))
    except VerdictFormatError as error:
        raise ValueError(error.message) from error


def progress(connection: Connection, aliases: Mapping[str, str]) -> dict[str, Progress]:
    """What is known of every exercise, under its present id, in one query."""
    current = {old: current_name(old, aliases) for old in aliases}

    def name(column: ColumnElement[str]) -> ColumnElement[str]:
        return (case(current, value=column, else_=column) if current else column).label("name")

    passed = attempt.c.status == "passed"
    events = union_all(
        select(
            name(attempt.c.exercise),
            attempt.c.sequence.label("sequence"),
            attempt.c.score.label("score"),
            case((passed, attempt.c.suite_version)).label("version"),
            case((passed, attempt.c.at)).label("passed_at"),
            case((passed, case((attempt.c.assisted, 1), else_=0))).label("assisted"),
            null().label("number"),
        ).where(attempt.c.status != KEPT, attempt.c.kind.not_in(REVIEWS)),
        select(name(hint.c.exercise), null(), null(), null(), null(), null(), hint.c.number),
        select(name(solution_opened.c.exercise), null(), null(), null(), null(), null(), null()),
    ).subquery()
    known = (
        select(
            events.c.name,
            func.count(events.c.sequence).label("attempts"),
            func.max(events.c.version).label("version"),
            func.min(events.c.passed_at).label("passed_at"),
            func.min(events.c.assisted).label("assisted"),
            func.count(events.c.number.distinct()).label("hints"),
            func.max(events.c.score).label("score"),
            func.max(events.c.sequence).label("last"),
        )
        .group_by(events.c.name)
        .subquery()
    )
    rows = connection.execute(select(known, attempt.c.status).outerjoin(attempt, attempt.c.sequence == known.c.last))
    return {row.name: _progress(row) for row in rows}


def _progress(row: Row[Any]) -> Progress:
    return Progress(
        exercise=row.name,
        attempts=row.attempts,
        passed_version=row.version,
        passed_at=row.passed_at,
        assisted=row.assisted == 1,
        hints=row.hints,
        best_score=row.score or 0.0,
        last_status=row.status,
    )


def add_hint(connection: Connection, exercise: str, number: int, at: str) -> None:
    """Note a hint, once."""
    connection.execute(insert_or(hint).values(exercise=exercise, number=number, at=at).on_conflict_do_nothing())


def count_hints(connection: Connection, names: tuple[str, ...]) -> int:
    """How many different hints were shown."""
    query = select(func.count(hint.c.number.distinct())).where(hint.c.exercise.in_(names))
    return connection.scalar(query) or 0


def add_opened(connection: Connection, exercise: str, at: str) -> None:
    """Note that the solution was shown, once: the first time is the one that counts."""
    connection.execute(insert_or(solution_opened).values(exercise=exercise, at=at).on_conflict_do_nothing())


def is_opened(connection: Connection, names: tuple[str, ...]) -> bool:
    """Whether the solution was ever shown."""
    query = select(literal(1)).where(solution_opened.c.exercise.in_(names)).limit(1)
    return connection.scalar(query) is not None


def get_setting(connection: Connection, key: str) -> str | None:
    """The value of a setting."""
    return connection.scalar(select(setting.c.value).where(setting.c.key == key))


def put_setting(connection: Connection, key: str, value: str) -> None:
    """Set a setting."""
    query = insert_or(setting).values(key=key, value=value)
    connection.execute(query.on_conflict_do_update(index_elements=["key"], set_={"value": query.excluded.value}))


def _unpacked(body: bytes) -> bytes:
    # A damaged row may hold anything, a number in place of the bytes too.
    try:
        return zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise ValueError(str(error)) from error


def _encoded(text: str) -> bytes:
    # Nothing a learner wrote is ever lost, not even half a surrogate pair.
    return text.encode("utf-8", "surrogatepass")

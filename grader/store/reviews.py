"""What is asked of and written to the log of reviews, on a connection handed in. Begins and ends no transaction.

A review is under way from "begun" to the next rating. What a card means is `grader.review`'s matter; here it is text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, insert, select

from grader.store.queries import REVIEW, REVIEWS, current_name
from grader.store.schema import attempt, hint, review

BEGUN, RATED = "begun", "rated"


@dataclass(frozen=True)
class FirstPass:
    """How an exercise itself was passed first: `at` is ISO 8601 UTC, `hints` counts those taken before."""

    at: str
    assisted: bool
    hints: int


@dataclass(frozen=True)
class Reviewed:
    """What there is on the reviews of one exercise: the newest card, how many reviews were rated, one that is under way."""

    passed: FirstPass
    card: str | None
    ratings: int
    begun: bool


@dataclass(frozen=True)
class OpenReview:
    """A review under way. `at` is when it was begun, `after` the newest attempt there was then.

    `wrong` counts the graded attempts at it that did not pass, `helped` says whether a hint or the solution was opened.
    """

    at: str
    after: int
    wrong: int
    helped: bool


def open_review(connection: Connection, names: tuple[str, ...]) -> OpenReview | None:
    """The review of an exercise that is under way."""
    mine = review.c.exercise.in_(names)
    ended = select(func.coalesce(func.max(review.c.sequence), 0)).where(mine, review.c.what == RATED).scalar_subquery()
    steps = connection.execute(select(review).where(mine, review.c.sequence > ended).order_by(review.c.sequence)).all()
    begun = next((step for step in steps if step.what == BEGUN), None)
    if begun is None:
        return None
    after = begun.attempt or 0
    tried = select(func.count()).where(
        attempt.c.exercise.in_(names),
        attempt.c.kind == REVIEW,
        attempt.c.sequence > after,
        # A stub that was saved again is no try.
        attempt.c.status.in_(("failed", "error")),
    )
    return OpenReview(begun.at, after, connection.scalar(tried) or 0, any(step.what != BEGUN for step in steps))


def add_step(connection: Connection, exercise: str, at: str, what: str) -> None:
    """Note what happened in a review."""
    newest = connection.scalar(select(func.max(attempt.c.sequence)))
    connection.execute(insert(review).values(at=at, exercise=exercise, what=what, attempt=newest))


def add_rating(connection: Connection, exercise: str, at: str, rating: int, card: str, attempted: int | None) -> None:
    """End the review that is under way."""
    row = {"at": at, "exercise": exercise, "what": RATED, "attempt": attempted, "rating": rating, "card": card}
    connection.execute(insert(review).values(row))


def reviewed(connection: Connection, aliases: Mapping[str, str]) -> dict[str, Reviewed]:
    """What there is on the reviews of every exercise that was passed, under its present id."""
    current = {old: current_name(old, aliases) for old in aliases}

    def name(column: ColumnElement[str]) -> ColumnElement[str]:
        return case(current, value=column, else_=column) if current else column

    id_ = name(attempt.c.exercise).label("id")
    passed = (attempt.c.status == "passed", attempt.c.kind.not_in(REVIEWS))
    firsts = select(id_, func.min(attempt.c.sequence).label("sequence")).where(*passed).group_by(id_).subquery()
    passes = connection.execute(
        select(firsts.c.id, attempt.c.at, attempt.c.assisted).join(attempt, attempt.c.sequence == firsts.c.sequence)
    ).all()
    hints = connection.execute(select(name(hint.c.exercise), hint.c.number, hint.c.at)).all()
    id_ = name(review.c.exercise).label("id")
    rated = case((review.c.what == RATED, review.c.sequence))
    logs = (
        select(
            id_,
            func.count(rated).label("ratings"),
            func.max(rated).label("rated"),
            func.max(case((review.c.what == BEGUN, review.c.sequence))).label("begun"),
        )
        .group_by(id_)
        .subquery()
    )
    newest = select(logs, review.c.card).outerjoin(review, review.c.sequence == logs.c.rated)
    log = {row.id: row for row in connection.execute(newest)}
    found = {}
    for row in passes:
        taken = {number for exercise, number, at in hints if exercise == row.id and at <= row.at}
        known = log.get(row.id)
        found[row.id] = Reviewed(
            FirstPass(row.at, row.assisted, len(taken)),
            known.card if known else None,
            known.ratings if known else 0,
            known is not None and (known.begun or 0) > (known.rated or 0),
        )
    return found


def is_sound(row: Mapping[str, Any]) -> bool:
    """Whether a row is what was written, as far as it shows."""
    try:
        datetime.fromisoformat(row["at"])
        if row["what"] != RATED:
            return "/" in row["exercise"]
        card = json.loads(row["card"])
        datetime.fromisoformat(card["due"])
        return bool(card["stability"] > 0) and 1 <= row["rating"] <= 4 and "/" in row["exercise"]
    except (ValueError, TypeError, KeyError):
        return False

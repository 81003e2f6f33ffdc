"""Reviews: a passed exercise comes back after days as a blank stub in the review folder, scheduled with FSRS.

What is practised just before it would be forgotten stays longer each time; the Free Spaced Repetition Scheduler says when
that is (the package `fsrs`, after the model of memory of Ye, Su and Cao, KDD 2022). Works on a workspace and a store handed
in. Grades nothing, and never touches the exercise's own file nor what is known of its progress.

The card of an exercise without a review yet follows from its first pass, so nothing is stored at that pass, where
the learner is waiting for a verdict, and exercises passed before there were reviews are no special case.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grader.course.files import SourceError, create_bytes
from grader.course.workspace import Workspace, stub
from grader.errors import CourseError, StoreError, UsageError
from grader.localtime import when
from grader.model import Attempt, Course, Exercise, Verdict
from grader.results import Rating, ReviewBegun, ReviewOutcome, ReviewRow

if TYPE_CHECKING:
    from fsrs import Card, Scheduler

    from grader.store import Store
    from grader.store.reviews import FirstPass, OpenReview, Reviewed

RETENTION = 0.9
WHY: dict[Rating, str] = {
    "good": "Right at the first attempt.",
    "hard": "Right after some attempts, so it comes back sooner.",
    "again": "Right with help, so it comes back soon.",
}
RATINGS: tuple[Rating, ...] = ("again", "hard", "good", "easy")  # FSRS counts them from 1


def rows(course: Course, store: Store, now: datetime) -> list[ReviewRow]:
    """A row for every exercise of the course that was passed, the one that is due first coming first.

    `now` is aware; its zone is the learner's, whose days count: what is due in the evening is there in the morning.
    """
    known = store.reviewed()
    found = [_row(each, known[id_], now) for id_, each in course.exercises.items() if id_ in known]
    return sorted(found, key=lambda row: row.due)


def begin(workspace: Workspace, store: Store, exercise: str, *, again: bool = False) -> ReviewBegun:
    """Begin a review: put the course's stub into the review folder. What was there goes to the history first.

    A review under way keeps its file as it is, unless `again`; it remains the same review, with the hints it took.
    Raises UsageError where the exercise is not passed, CourseError, StoreError; the file is as it was then.
    """
    if exercise not in store.reviewed():
        raise UsageError(
            f"{exercise} is not passed yet, so there is nothing to review.", f"`gradlings show {exercise}` shows it."
        )
    if store.read_only:
        raise StoreError(f"{store.path}: no review can be recorded, so none was begun.", " ".join(store.notices))
    from grader.replacing import put
    from grader.store.queries import REVIEW_KEPT

    review = workspace.review
    path = review.file(exercise)
    if store.open_review(exercise) and os.path.lexists(path) and not again:
        return ReviewBegun(exercise, path, fresh=False)
    _bring_data(review, workspace.course.exercises[exercise])
    replaced = put(review, store, exercise, stub(workspace.course, exercise), REVIEW_KEPT)
    # Last: cut off before this, the next call finds no review under way and puts the stub there again.
    store.begin_review(exercise)
    return ReviewBegun(exercise, path, True, replaced.kept, replaced.set_aside)


def readable(workspace: Workspace, exercise: Exercise) -> str | Verdict:
    """The source of a review to grade; of a file that is none, the verdict that says so.

    Raises UsageError where the file is missing or cannot be opened.
    """
    from grader.course import source

    review = workspace.review
    path, begin_it = review.file(exercise.id), f"`gradlings review {exercise.id}"
    if not os.path.lexists(path):
        raise UsageError(f"{path} is missing.", f"{begin_it}` puts the stub there.")
    with contextlib.suppress(SourceError):
        if not review.read(exercise.id).removeprefix("\ufeff").strip():
            message = f"The file is empty. {begin_it} --again` puts the stub back."
            return source.refusal(workspace.course, exercise, message)
    return source.readable(review, exercise)


def record(
    workspace: Workspace, store: Store, exercise: Exercise, source: str, verdict: Verdict, now: datetime
) -> tuple[Attempt | None, Rating | None, datetime | None]:
    """Record a graded review: the attempt, and where a pass ended the review its rating and when it is due next (UTC)."""
    if store.read_only or not (verdict.passed or not workspace.review.untouched(exercise.id, source)):
        return None, None, None
    going = store.open_review(exercise.id) if verdict.passed else None
    if going is None:
        return store.record_review(exercise.id, source, verdict), None, None
    rating = rating_of(going)
    card = _rated(_card(exercise.id, store.reviewed()[exercise.id]), rating, now)
    attempt = store.record_review(exercise.id, source, verdict, (_number(rating), card.to_json()))
    return attempt, rating, card.due


def give_up(course: Course, store: Store, exercise: str, now: datetime) -> ReviewRow:
    """End the review under way as one that failed; the row says when it comes back. Raises UsageError where none is."""
    if store.open_review(exercise) is None:
        raise UsageError(
            f"No review of {exercise} is under way.", f"`gradlings review {exercise}` begins one, if it is passed."
        )
    card = _rated(_card(exercise, store.reviewed()[exercise]), "again", now)
    store.end_review(exercise, _number("again"), card.to_json())
    return _row(course.exercises[exercise], store.reviewed()[exercise], now)


def rating_of(review: OpenReview) -> Rating:
    """How well an exercise was remembered that passes now. Nobody is asked, so "easy" is never guessed."""
    if review.helped:
        return "again"
    return "hard" if review.wrong else "good"


def first_rating(passed: FirstPass) -> Rating:
    """How well an exercise was learnt at its first pass."""
    if passed.assisted:
        return "again"
    return "hard" if passed.hints else "good"


def _row(exercise: Exercise, reviewed: Reviewed, now: datetime) -> ReviewRow:
    card = _card(exercise.id, reviewed)
    overdue = card.due.astimezone(now.tzinfo).date() <= now.date()
    return ReviewRow(exercise, card.due, overdue, reviewed.begun, card.stability or 0.0, reviewed.ratings)


def _card(exercise: str, reviewed: Reviewed) -> Card:
    """The newest card of an exercise, else the one that its first pass makes."""
    from fsrs import Card

    if reviewed.card is None:
        # With an id of its own a card would take a millisecond to make: it waits, to be the only one of its time.
        passed = reviewed.passed
        return _rated(Card(card_id=0), first_rating(passed), datetime.fromisoformat(passed.at))
    try:
        card = Card.from_json(reviewed.card)
        if not card.stability or not card.last_review or card.due.tzinfo is None:
            raise ValueError("the card is not whole")
        return card
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"When {exercise} is to be reviewed cannot be read from the progress database: {error}.",
            "`gradlings doctor --repair` saves what can be read; the exercise itself stays passed.",
        ) from error


def _rated(card: Card, rating: Rating, now: datetime) -> Card:
    from fsrs import Rating as Number

    return _scheduler().review_card(card, Number(_number(rating)), now.astimezone(UTC))[0]


def _scheduler() -> Scheduler:
    from fsrs import Scheduler

    # Without learning steps, which bring a flash card back within minutes: to write a function again at once shows nothing,
    # so the shortest interval is a day. Without fuzz, which spreads hundreds of cards over days: the same history is to give
    # the same dates.
    return Scheduler(
        desired_retention=RETENTION,
        learning_steps=(),
        relearning_steps=(),
        enable_fuzzing=False,
    )


def _number(rating: Rating) -> int:
    return RATINGS.index(rating) + 1


def _bring_data(review: Workspace, exercise: Exercise) -> None:
    """The data that the stub reads when it is run by itself lie beside it, as they do beside the exercise."""
    for name in exercise.data:
        origin = review.course.data(exercise.id, name)
        try:
            data = origin.read_bytes()
        except OSError as error:
            raise CourseError(str(origin), f"cannot be read: {error.strerror}", "Install the course again.") from None
        create_bytes(review.root, review.file(exercise.id).parent / "data" / name, data)


def after_review(outcome: ReviewOutcome, file: str, now: datetime) -> str:
    """What came of grading a review and what to do next, in words. `file` is the review's, as it is shown."""
    id = outcome.exercise.id
    if outcome.rating and outcome.due:
        return f"{WHY[outcome.rating]} The next review is due {when(outcome.due, now)}."
    if outcome.verdict.passed:
        return f"No review was under way, so nothing was rated: `gradlings review {id}` begins one."
    if outcome.verdict.status == "ungraded":
        return "This is not your code's fault, and nothing was recorded. Grade it again."
    if outcome.verdict.status == "not_started":
        return f"Write it in {file}."
    helps = f"`gradlings hint {id}` helps, and `gradlings review {id} --give-up` ends it;"
    return f"{helps} either way it comes back soon."

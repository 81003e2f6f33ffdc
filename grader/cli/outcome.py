"""An outcome: the verdict, and what to do after it: what was learnt and the next exercise, or where help is to be had."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from grader.cli.output import data, labelled, print_text, shown_path
from grader.cli.render import count, print_refused, print_verdict
from grader.results import ReviewOutcome
from grader.session import Outcome, Session


def print_outcome(console: Console, session: Session, outcome: Outcome) -> None:
    """Print what came of grading a file of the workspace."""
    verdict = outcome.verdict
    if isinstance(outcome, ReviewOutcome):
        print_review(console, session, outcome)
        return
    if outcome.graded:
        print_verdict(console, verdict, outcome.exercise)
    else:
        print_refused(console, verdict)
    if verdict.passed:
        _after_pass(console, session, outcome)
    elif verdict.status == "ungraded":
        print_text(
            console, Text("This is not your code's fault, and nothing was recorded. Save again to repeat it."), 2
        )
    elif verdict.status == "not_started":
        print_text(console, Text(f"Write it in {shown_path(session.file(outcome.exercise.id))} and save."), 2)
    elif outcome.graded:
        _after_failure(console, outcome)


def print_review(console: Console, session: Session, outcome: ReviewOutcome) -> None:
    """Print what came of grading a review: the verdict, and when the exercise comes back."""
    from grader.localtime import local_now
    from grader.review import after_review

    if outcome.graded:
        print_verdict(console, outcome.verdict, outcome.exercise)
    else:
        print_refused(console, outcome.verdict)
    console.print()
    file = shown_path(session.review_file(outcome.exercise.id))
    print_text(console, Text(f"Review: {after_review(outcome, file, local_now())}"), 2)


def _after_pass(console: Console, session: Session, outcome: Outcome) -> None:
    exercise = outcome.exercise
    if outcome.first_pass and exercise.learnt:
        console.print()
        print_text(console, labelled("Learnt: ", "bold green", exercise.learnt), 2)
    if outcome.first_pass and outcome.unlocked:
        print_text(console, data(f"This opens up {', '.join(outcome.unlocked)}."), 2)
    if outcome.next is None:
        print_text(console, Text("That was the last one: every exercise of this course is passed."), 2)
    else:
        following = session.exercise(outcome.next)
        line = labelled("Next: ", "bold", f"{following.title}, about {count(following.minutes, 'minute')}: ")
        line.append(shown_path(session.file(following.id)), style="cyan")
        print_text(console, line, 2)


def _after_failure(console: Console, outcome: Outcome) -> None:
    id = outcome.exercise.id
    console.print()
    helps = f"gradlings hint {id}" if outcome.exercise.hints else f"gradlings show {id}"
    what = "the next hint" if outcome.exercise.hints else "the statement"
    console.print(Text("  ").append(helps, style="cyan").append(f"   {what}"))

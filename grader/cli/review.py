"""`gradlings review [EXERCISE]`: what is due to be practised again; begin a review, grade it, give it up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session
from grader.cli.plain import print_json, shown_path, styled
from grader.localtime import local_now, when
from grader.text import one_line

if TYPE_CHECKING:
    from grader.session import ReviewBegun, ReviewRow, Session


@click.command("review")
@exercise_argument()
@click.option("--grade", "grade", is_flag=True, help="Grade the review once.")
@click.option("--give-up", "give_up", is_flag=True, help="End the review as one that failed; it comes back soon.")
@click.option("--again", "again", is_flag=True, help="Put the stub back, although the review is under way.")
@course_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, exercise: str | None, grade: bool, give_up: bool, again: bool, course: str | None, as_json: bool
) -> None:
    """Practise a passed exercise again when it is due.

    Without EXERCISE it lists what is due and what comes next. With it a review begins: the blank stub is put into the folder
    review/, to be written anew. A pass there ends the review. Your own file and your progress stay as they are.
    --grade exits with 0 if the review passes and 1 if it does not.
    """
    if grade + give_up + again > 1:
        raise click.UsageError("--grade, --give-up and --again exclude each other.", ctx)
    if exercise is None and (grade or give_up or again):
        raise click.UsageError("Name the exercise whose review is meant.", ctx)
    with open_session(course) as session:
        if exercise is None:
            _list(session, as_json)
            return
        id = session.review_of(Path(exercise)) or session.resolve(exercise)
        if grade:
            ctx.exit(grade_review(session, id, as_json))
        elif give_up:
            _tell_given_up(session.give_up(id), as_json)
        else:
            _tell_begun(session, session.begin_review(id, again), as_json)


def _list(session: Session, as_json: bool) -> None:
    rows = session.reviews()
    due = [row for row in rows if row.overdue]
    if as_json:
        print_json({"schema": 1, "due": len(due), "reviews": [_value(session, row) for row in rows]})
        return
    if not rows:
        click.echo("Nothing to review yet: a day or more after you have passed an exercise, it comes up here.")
    wide = max((len(row.exercise.id) for row in rows), default=0)
    for title, some in (("Due", due), ("Later", [row for row in rows if not row.overdue])):
        if some:
            click.echo(styled(title, "bold"))
        for row in some:
            begun = styled("  under way", "yellow") if row.begun else ""
            click.echo(
                f"  {row.exercise.id.ljust(wide)}  {when(row.due, local_now()):<13}  {one_line(row.exercise.title)}{begun}"
            )
    first = next((row for row in rows if row.begun), due[0] if due else None)
    if first is not None:
        click.echo(f"\n`gradlings review {first.exercise.id}` {'goes on with it' if first.begun else 'begins it'}.")
    for notice in session.notices:
        click.echo(styled(one_line(notice, 400), "yellow"))


def _value(session: Session, row: ReviewRow) -> dict[str, object]:
    return {
        "exercise": row.exercise.id,
        "title": row.exercise.title,
        "due": row.due.isoformat(),
        "overdue": row.overdue,
        "begun": row.begun,
        "stability_days": round(row.stability, 3),
        "reviews": row.reviews,
        "file": str(session.review_file(row.exercise.id)),
    }


def _tell_begun(session: Session, begun: ReviewBegun, as_json: bool) -> None:
    id = begun.exercise
    kept = begun.kept.sequence if begun.kept else None
    if as_json:
        print_json(
            {
                "schema": 1,
                "exercise": id,
                "file": str(begun.path),
                "fresh": begun.fresh,
                "kept": kept,
                "set_aside": str(begun.set_aside) if begun.set_aside else None,
            }
        )
        return
    row = next(row for row in session.reviews() if row.exercise.id == id)
    if not row.overdue:
        click.echo(f"It is due {when(row.due, local_now())}; practising it earlier does no harm.")
    what = "is the blank stub: write it anew." if begun.fresh else "is as you left it."
    click.echo(f"{shown_path(begun.path)} {what}")
    if kept is not None:
        click.echo(f"What it held is attempt {kept}: `gradlings history --source {kept}` prints it.")
    if begun.set_aside is not None:
        click.echo(f"What it held was no text, so it was moved to {shown_path(begun.set_aside)}.")
    click.echo(f"\n  gradlings review {id} --grade     grades it\n  gradlings review {id} --give-up   ends it")


def grade_review(session: Session, id: str, as_json: bool) -> int:
    """Grade the review of `id`, print what came of it, and return the exit code."""
    from grader.cli.outcome import print_review
    from grader.cli.output import make_console, print_notices, waiting
    from grader.cli.render import exit_code
    from grader.cli.verdicts import verdict_value

    with waiting(f"Grading the review of {id}", quiet=as_json) as shown:
        outcome = session.grade_review(id, shown.hear)
    if as_json:
        print_json(
            {
                "schema": 1,
                "exercise": id,
                "attempt": outcome.attempt.sequence if outcome.attempt else None,
                "rating": outcome.rating,
                "due": outcome.due.isoformat() if outcome.due else None,
                "verdict": verdict_value(outcome.verdict),
            }
        )
    else:
        console = make_console()
        print_review(console, session, outcome)
        print_notices(console, session.notices)
    return exit_code(outcome.verdict)


def _tell_given_up(row: ReviewRow, as_json: bool) -> None:
    id = row.exercise.id
    if as_json:
        print_json({"schema": 1, "exercise": id, "rating": "again", "due": row.due.isoformat()})
        return
    click.echo(f"The review of {id} is ended. The next one is due {when(row.due, local_now())}.")
    click.echo(f"`gradlings solution {id}` shows the worked solution.")

"""`gradlings run [EXERCISE]`: grade once."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.options import chosen, course_option, exercise_argument, json_option, open_session


@click.command("run")
@exercise_argument()
@course_option
@json_option
@click.pass_context
def command(ctx: click.Context, exercise: str | None, course: str | None, as_json: bool) -> None:
    """Grade one exercise once.

    EXERCISE is an id such as attention/multi_head, its last part, or its file; without one the current exercise is graded.
    The file of a review is graded as the review.
    Exits with 0 if it passes and 1 if it does not.
    """
    from grader.cli.outcome import print_outcome
    from grader.cli.output import make_console, print_notices, waiting
    from grader.cli.render import exit_code
    from grader.cli.verdicts import print_verdict_json

    with open_session(course) as session:
        review = session.review_of(Path(exercise)) if exercise else None
        if review is not None:
            from grader.cli.review import grade_review

            ctx.exit(grade_review(session, review, as_json))
        chosen_one = chosen(session, exercise)
        with waiting(f"Grading {chosen_one}", quiet=as_json) as shown:
            outcome = session.grade(chosen_one, shown.hear, kind="run")
        if as_json:
            print_verdict_json(outcome.verdict)
        else:
            console = make_console()
            print_outcome(console, session, outcome)
            print_notices(console, session.notices)
    ctx.exit(exit_code(outcome.verdict))

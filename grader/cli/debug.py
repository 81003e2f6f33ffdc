"""`gradlings debug EXERCISE [CHECK]`: replay a failing check under pdb."""

from __future__ import annotations

import click

from grader.cli.options import course_option, exercise_argument, open_session


@click.command("debug")
@exercise_argument(required=True)
@click.argument("check", required=False)
@course_option
def command(exercise: str, check: str | None, course: str | None) -> None:
    """Replay a failing check on your file under pdb.

    The calls that CHECK (default: the first that fails) made of your code are made again in this terminal, and pdb stops at
    their beginning. The hidden suite stays hidden: only its calls are replayed.
    """
    from grader.debugging import debug

    with open_session(course) as session:
        debug(session, session.resolve(exercise), check)

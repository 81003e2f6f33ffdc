"""`gradlings reset EXERCISE`: start again from the stub."""

from __future__ import annotations

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session
from grader.cli.replaced import tell


@click.command("reset")
@exercise_argument(required=True)
@course_option
@json_option
def command(exercise: str, course: str | None, as_json: bool) -> None:
    """Start an exercise again from its stub.

    What the file holds now goes to the history first, so nothing is lost: `gradlings restore` brings it back.
    """
    with open_session(course) as session:
        done = session.reset(session.resolve(exercise))
    tell(done, "is the stub again", as_json)

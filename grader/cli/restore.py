"""`gradlings restore EXERCISE NUMBER`: bring back an earlier source."""

from __future__ import annotations

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session
from grader.cli.replaced import tell


@click.command("restore")
@exercise_argument(required=True)
@click.argument("number", type=click.IntRange(1))
@course_option
@json_option
def command(exercise: str, number: int, course: str | None, as_json: bool) -> None:
    """Bring back the source of an earlier attempt.

    NUMBER is the attempt's in `gradlings history`. What the file holds now goes to the history first, so nothing is lost.
    """
    with open_session(course) as session:
        done = session.restore(session.resolve(exercise), number)
    tell(done, f"holds attempt {number} again", as_json)

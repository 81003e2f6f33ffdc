"""`gradlings export --format FORMAT`: progress for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from grader.cli.options import course_option, open_session
from grader.errors import UsageError


@click.command("export")
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", "junit", "gradescope"]), required=True, help="What to write."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file. Default: standard output."
)
@course_option
def command(form: str, output: Path | None, course: str | None) -> None:
    """Write your progress as CSV, JSON, JUnit or for Gradescope.

    csv: a row per exercise. json: the exercises, their newest verdicts and all attempts. junit: an XML report with a suite per
    exercise. gradescope: a results.json with a test per exercise.
    """
    from grader.cli import exports

    with open_session(course) as session:
        text = exports.WRITERS[form](exports.gather(session))
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise UsageError(
            f"{click.format_filename(str(output))} cannot be written: {error.strerror or error}.", "Name another file."
        ) from error

"""`gradlings grade EXERCISE FILE`: any file, no workspace."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from grader.cli.options import course_here, course_option, exercise_argument, json_option
from grader.errors import UsageError

LARGEST = 1 << 20


@click.command("grade")
@exercise_argument(required=True)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@course_option
@json_option
@click.pass_context
def command(ctx: click.Context, exercise: str, file: Path, course: str | None, as_json: bool) -> None:
    """Grade any file, without a workspace.

    FILE may be - for standard input. Where it imports an earlier solution by its id, that is taken from ../TOPIC/NAME.py, as seen
    from FILE, and graded first. Nothing is recorded. With --json the verdict is printed and nothing else. Exits with 0 if it
    passes, 1 if it does not, 3 if it could not be graded.
    """
    from grader.cli.output import make_console, waiting
    from grader.cli.render import exit_code, print_verdict
    from grader.cli.verdicts import print_verdict_json
    from grader.course.names import resolve
    from grader.course.uses import gather
    from grader.engine import Engine
    from grader.model import Submission

    found = course_here(course)
    id = resolve(found, exercise)
    source = read_source(file)
    uses = gather(found, id, source, beside(file, id))
    with waiting(f"Grading {id}", quiet=as_json) as shown, Engine(found) as engine:
        for earlier, text in uses.items():
            if not engine.grade(Submission(earlier, text, uses=uses)).passed:
                raise UsageError(
                    f"{id} builds on {earlier}, and the solution of it beside this file does not pass.",
                    f"Do {earlier} first: `gradlings grade {earlier} FILE` says what is wrong.",
                )
        verdict = engine.grade(Submission(id, source, uses=uses), shown.hear)
    if as_json:
        print_verdict_json(verdict)
    else:
        print_verdict(make_console(), verdict, found.exercises[id])
    ctx.exit(exit_code(verdict))


def beside(file: Path, exercise: str) -> Callable[[str], str]:
    """Finds the source of an earlier solution by its id, where it lies in relation to the `file` of `exercise`."""

    def find(earlier: str) -> str:
        place = file.absolute().parents[1] / f"{earlier}.py"
        if str(file) == "-" or not place.is_file():
            where = "standard input has no place" if str(file) == "-" else f"there is no {click.format_filename(place)}"
            raise UsageError(
                f"{exercise} builds on {earlier}, and {where}.",
                f"Put your solution of it beside the file's folder, as {earlier}.py, and do it first.",
            )
        return read_source(place)

    return find


def read_source(file: Path) -> str:
    """The text of `file`, or of standard input for `-`. Raises UsageError where it is none, or more than 1 MiB."""
    name = "standard input" if str(file) == "-" else click.format_filename(str(file))
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror or error}.", "Name a Python file to grade."
        ) from error
    if len(content) > LARGEST:
        raise UsageError(f"{name} is larger than 1 MiB.", "Submit the exercise's file alone.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 text (byte {error.start}).", "Save it with the encoding UTF-8."
        ) from error

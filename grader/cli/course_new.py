"""`gradlings course new`: starts an exercise."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("new")
@click.argument("exercise")
@click.option(
    "--course", metavar="DIR", default=".", help="The course's folder, made where there is none. Default: this one."
)
@click.option(
    "--from",
    "solution",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A solution to start from: its functions become the stub and the reference.",
)
def command(exercise: str, course: str, solution: Path | None) -> None:
    """Draft EXERCISE (topic/name): stub, reference, suite and its entry in topic.toml."""
    from grader.authoring.draft import draft
    from grader.cli.output import data, make_console, print_text, shown_path
    from grader.errors import UsageError

    try:
        text = solution.read_text(encoding="utf-8") if solution else None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{solution} cannot be read: {error}.", "Name a Python file in UTF-8.") from None
    console = make_console()
    for path in draft(Path(course), exercise, text):
        print_text(console, data(f"wrote {shown_path(path)}"))
    where = "" if course == "." else f" --course {course}"
    print_text(console, data(f"Next: gradlings course check {exercise}{where or ' --course .'}"))

"""`gradlings hint [EXERCISE]`: the next hint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from grader.cli.options import chosen, course_option, exercise_argument, json_option, open_session


@click.command("hint")
@exercise_argument()
@click.option("--all", "show_all", is_flag=True, help="Show the hints taken so far, and take none.")
@course_option
@json_option
def command(exercise: str | None, show_all: bool, course: str | None, as_json: bool) -> None:
    """Show the next hint, one stage at a time.

    The stages: the idea, the shapes, the equation, the line. Once all are taken, the last one is shown again.
    """
    from grader.cli.output import data, make_console, print_json, print_text

    with open_session(course) as session:
        review = session.review_of(Path(exercise)) if exercise else None
        id = review or chosen(session, exercise)
        hints = session.hints(id) if show_all else [session.hint(id)]
        total = len(session.exercise(id).hints)
    if as_json:
        print_json({"schema": 1, "exercise": id, "total": total, "hints": [asdict(hint) for hint in hints]})
        return
    console = make_console()
    if not hints:
        console.print(f"No hint of {id} has been taken yet; there are {total}.")
    for hint in hints:
        console.print(data(f"{id}, hint {hint.number} of {hint.total}", "bold"))
        print_text(console, data(hint.text))
    if hints and hints[-1].number == total and not show_all:
        console.print(f"\nThat was the last one. `gradlings solution {id}` shows the worked solution.", style="dim")

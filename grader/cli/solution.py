"""`gradlings solution [EXERCISE]`: the worked solution, after a pass or after all hints."""

from __future__ import annotations

import sys

import click

from grader.cli.options import chosen, course_option, exercise_argument, json_option, open_session
from grader.errors import UsageError


@click.command("solution")
@exercise_argument()
@click.option("--yes", is_flag=True, help="Open it before a pass without asking; a later pass is marked as assisted.")
@course_option
@json_option
def command(exercise: str | None, yes: bool, course: str | None, as_json: bool) -> None:
    """Show the worked solution.

    It opens after a pass. Before one it opens after all hints and a question, and a later pass is then marked as assisted.
    """
    from grader.cli.output import data, make_console, print_json

    with open_session(course) as session:
        id = chosen(session, exercise)
        progress = session.progress()[id]
        closed = progress.passed_version is None and not session.store.solution_opened(id)
        if closed and not yes and progress.hints >= len(session.exercise(id).hints):
            yes = _ask(id)
        opened = session.solution(id, confirm=yes)
    if as_json:
        print_json({"schema": 1, "exercise": id, "assisted": opened.assisted, "source": opened.source})
        return
    console = make_console()
    if console.is_terminal:
        from rich.syntax import Syntax

        console.print(Syntax(data(opened.source).plain, "python", background_color="default", word_wrap=True))
    else:
        sys.stdout.write(data(opened.source).plain.rstrip("\n") + "\n")


def _ask(id: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"{id} is not passed yet.", "`--yes` opens its solution; a later pass is marked as assisted.")
    return click.confirm(
        f"{id} is not passed yet; a later pass would be marked as assisted. Open its solution?", err=True
    )

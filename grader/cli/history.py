"""`gradlings history [EXERCISE]`: the attempts, and the source of any of them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session

if TYPE_CHECKING:
    from grader.model import Attempt
    from grader.session import Session


@click.command("history")
@exercise_argument()
@click.option("--limit", "-n", type=click.IntRange(1), help="Only the newest so many.")
@click.option(
    "--source", "source_of", metavar="NUMBER", type=click.IntRange(1), help="Print the source of that attempt."
)
@click.option(
    "--verdict", "verdict_of", metavar="NUMBER", type=click.IntRange(1), help="Show the verdict on that attempt."
)
@course_option
@json_option
def command(
    exercise: str | None,
    limit: int | None,
    source_of: int | None,
    verdict_of: int | None,
    course: str | None,
    as_json: bool,
) -> None:
    """Show the attempts at an exercise, or a source of them.

    Without EXERCISE those of all exercises are shown, the newest last. `gradlings restore` brings one of them back.
    """
    from grader.cli.output import make_console, print_json
    from grader.cli.render import print_verdict
    from grader.cli.verdicts import print_verdict_json

    with open_session(course) as session:
        if source_of is not None:
            _print_source(session, source_of, as_json)
        elif verdict_of is not None:
            verdict = session.verdict(verdict_of)
            if as_json:
                print_verdict_json(verdict)
            else:
                print_verdict(make_console(), verdict)
        else:
            id = session.resolve(exercise) if exercise is not None else None
            attempts = session.history(id, limit)
            if as_json:
                print_json({"schema": 1, "exercise": id, "attempts": [asdict(attempt) for attempt in attempts]})
            else:
                _print(attempts, id)


def _print_source(session: Session, number: int, as_json: bool) -> None:
    from grader.cli.plain import print_json

    source = session.source(number)
    if as_json:
        print_json({"schema": 1, "attempt": number, "source": source})
    elif sys.stdout.isatty():
        from grader.text import clean

        click.echo(clean(source))
    else:
        # Redirected into a file it must be the learner's source to the byte.
        sys.stdout.flush()
        sys.stdout.buffer.write(source.encode("utf-8", "surrogatepass"))
        sys.stdout.buffer.flush()


def _print(attempts: list[Attempt], id: str | None) -> None:
    from rich.text import Text

    from grader.cli.output import make_console
    from grader.cli.render import STYLES, WORDS, seconds

    console = make_console()
    if not attempts:
        console.print(f"No attempts at {id} yet." if id else "No attempts yet.")
        return
    wide = max(len(attempt.exercise) for attempt in attempts)
    for attempt in attempts:
        line = Text(f"{attempt.sequence:>5}  {_local(attempt.at)}  ")
        line.append(attempt.exercise.ljust(wide))
        if attempt.status == "ungraded":
            line.append(f"  copy kept ({attempt.kind})", style="dim")
        else:
            line.append(f"  {WORDS[attempt.status]:<11}", style=STYLES.get(attempt.status, ""))
            line.append(f"  {attempt.score:4.0%}  {seconds(attempt.duration_s):>7}")
        console.print(line, no_wrap=True, overflow="ellipsis")
    console.print()
    console.print("`gradlings history --source NUMBER` prints one,", style="dim")
    console.print("`gradlings restore EXERCISE NUMBER` brings it back.", style="dim")


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")

"""`gradlings history [EXERCISE]`: the attempts, the source of any of them, and what changed between two."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.difference import Difference
    from grader.model import Attempt
    from grader.session import Session


@click.command("history")
@exercise_argument()
@click.argument("other", metavar="[B]", type=click.IntRange(1), required=False)
@click.option("--limit", "-n", type=click.IntRange(1), help="Only the newest so many.")
@click.option(
    "--source", "source_of", metavar="NUMBER", type=click.IntRange(1), help="Print the source of that attempt."
)
@click.option(
    "--verdict", "verdict_of", metavar="NUMBER", type=click.IntRange(1), help="Show the verdict on that attempt."
)
@click.option(
    "--diff", "diff_of", metavar="A", type=click.IntRange(1), help="Show what changed from A to B, or to the file."
)
@course_option
@json_option
def command(
    exercise: str | None,
    other: int | None,
    limit: int | None,
    source_of: int | None,
    verdict_of: int | None,
    diff_of: int | None,
    course: str | None,
    as_json: bool,
) -> None:
    """Show the attempts at an exercise, or a source of them.

    Without EXERCISE those of all exercises are shown, the newest last. `gradlings restore` brings one of them back. With
    `--diff A [B]` B is the attempt to compare with; by default it is the file as it is now.
    """
    from grader.cli.output import make_console, print_json
    from grader.cli.render import print_verdict
    from grader.cli.verdicts import print_verdict_json

    if diff_of is None and other is not None:
        raise UsageError(
            f"{other} is one thing too many.", "`--diff A B` compares two attempts; `--source NUMBER` prints one."
        )
    with open_session(course) as session:
        if diff_of is not None:
            _print_difference(session, exercise, diff_of, other, as_json)
        elif source_of is not None:
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


def _print_difference(session: Session, exercise: str | None, first: int, second: int | None, as_json: bool) -> None:
    """What changed from attempt `first` to `second`, or to the file where that is None."""
    from grader.difference import difference

    if second is None and exercise is not None and exercise.isdecimal():
        # `history --diff 3 5`: without an exercise the second number stands where its name would.
        second, exercise = int(exercise), None
    id = _exercise_of(session, first) if exercise is None else session.resolve(exercise)
    for number in (first, *([] if second is None else [second])):
        if (theirs := _exercise_of(session, number)) != id:
            raise UsageError(
                f"Attempt {number} is one at {theirs}, not at {id}.", f"`gradlings history {id}` lists those at {id}."
            )
    right = session.workspace.read(id) if second is None else session.source(second)
    compared = difference(session.source(first), right)
    if as_json:
        from grader.cli.plain import print_json

        rows = [asdict(row) for row in compared.rows]
        ends = {"same": compared.same, "end_differs": compared.end_differs}
        print_json({"schema": 1, "exercise": id, "from": first, "to": second, **ends, "rows": rows})
        return
    now = "the file as it is now" if second is None else _named(session, second)
    _print_hunks(compared, id, _named(session, first), now)


def _named(session: Session, number: int) -> str:
    return f"attempt {number}, {_local(session.store.attempt(number).at)}"


def _exercise_of(session: Session, number: int) -> str:
    """The exercise of an attempt, by the name it has now; the old one where the course has it no more."""
    name = session.store.attempt(number).exercise
    try:
        return session.resolve(name)
    except UsageError:
        return name


def _print_hunks(compared: Difference, id: str, left: str, right: str) -> None:
    """As `diff -u` writes it, made safe to print."""
    from rich.text import Text

    from grader.cli.output import make_console, print_text
    from grader.difference import hunks, unified
    from grader.text import clean

    console = make_console()
    if compared.same:
        print_text(console, Text(f"{id}: nothing differs between {left} and {right}."))
        return
    styles = {"removed": ("-", "red"), "added": ("+", "green"), "same": (" ", "")}

    def put(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), soft_wrap=True)

    put(f"--- {id}, {left}", "bold")
    put(f"+++ {id}, {right}", "bold")
    for rows in hunks(compared):
        lines = list(unified(rows))
        put(f"@@ -{_range([line.left for line in lines])} +{_range([line.right for line in lines])} @@", "cyan")
        for line in lines:
            sign, style = styles[line.kind]
            put(f"{sign}{clean(line.line.text)}", style)
    if compared.end_differs:
        put("One of them ends with a line break, the other does not.", "dim")


def _range(numbers: list[int | None]) -> str:
    """The first line of a hunk and how many it has, of one version."""
    known = [number for number in numbers if number is not None]
    return f"{known[0]},{len(known)}" if known else "0,0"


def _print(attempts: list[Attempt], id: str | None) -> None:
    from rich.text import Text

    from grader.cli.output import make_console
    from grader.cli.render import STYLES, WORDS
    from grader.text import seconds

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
            if attempt.kind == "review":
                line.append("  review", style="dim")
        console.print(line, no_wrap=True, overflow="ellipsis")
    console.print()
    console.print("`gradlings history --source NUMBER` prints one,", style="dim")
    console.print("`gradlings restore EXERCISE NUMBER` brings it back.", style="dim")


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")

"""`gradlings verify`: grade all, in parallel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from grader.cli.options import EXERCISE, course_option, json_option, open_session

if TYPE_CHECKING:
    from rich.console import Console

    from grader.session import Outcome, Session


@click.command("verify")
@click.argument("exercises", metavar="[EXERCISE]...", nargs=-1, type=EXERCISE)
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), help="Engines side by side. Default: one for every two cores."
)
@course_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, exercises: tuple[str, ...], jobs: int | None, course: str | None, as_json: bool
) -> None:
    """Grade all exercises, in parallel.

    Without EXERCISE every file of the workspace is graded, and recorded where it is new. Exits with 0 if all pass, 1 if one does
    not, 3 if one could not be graded.
    """
    from grader.cli.output import make_console, print_json, print_notices
    from grader.cli.render import exit_code
    from grader.cli.verdicts import verdict_value

    started = time.perf_counter()
    with open_session(course) as session:
        ids = [session.resolve(text) for text in exercises] or session.order()
        console = make_console()
        with _progress(len(ids), quiet=as_json) as advance:
            outcomes = {}
            for outcome in session.verify(ids, jobs):
                outcomes[outcome.exercise.id] = outcome
                advance(outcome)
        ordered = [outcomes[id] for id in ids if id in outcomes]
        duration = time.perf_counter() - started
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "course": session.course.name,
                    "passed": sum(outcome.verdict.passed for outcome in ordered),
                    "total": len(ordered),
                    "duration_s": round(duration, 3),
                    "verdicts": [verdict_value(outcome.verdict) for outcome in ordered],
                }
            )
        else:
            _print(console, session, ordered, duration)
            print_notices(console, session.notices)
    ctx.exit(max((exit_code(outcome.verdict) for outcome in ordered), default=0))


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[Outcome], None]]:
    """A progress bar on the terminal; elsewhere nothing. Yields what is to be called with every outcome."""
    from grader.cli.output import make_console

    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Warming up", total=total)
        yield lambda _: bar.update(task, advance=1, description="Grading")


def _print(console: Console, session: Session, outcomes: list[Outcome], duration: float) -> None:
    from rich.text import Text

    from grader.cli.render import count, failing_line, summary
    from grader.text import seconds

    for outcome in outcomes:
        console.print(summary(outcome.verdict), no_wrap=True, overflow="ellipsis")
        line = failing_line(outcome.verdict)
        if line is not None:
            console.print(Text("    ").append_text(line), no_wrap=True, overflow="ellipsis")
    passed = sum(outcome.verdict.passed for outcome in outcomes)
    console.print()
    console.print(f"{passed} of {count(len(outcomes), 'exercise')} passed, in {seconds(duration)}.")
    if passed < len(outcomes):
        first = next(outcome.exercise.id for outcome in outcomes if not outcome.verdict.passed)
        console.print(f"`gradlings run {first}` shows more of the first that is not.")
    elif session.current() is None:
        console.print("That is the whole course.")

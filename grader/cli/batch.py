"""`gradlings batch DIR`: grade a folder of submissions, here or on a cluster, and write a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.options import EXERCISE, course_option, json_option, need_extra
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.batch.collect import Collected
    from grader.batch.executors import Workers
    from grader.batch.report.standings import Summary
    from grader.model import Course
    from grader.store.ledger import Ledger

NEEDED = {"jinja2": "jinja2", "matplotlib": "matplotlib", "yaml": "pyyaml"}


@click.command("batch")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the report goes. Default: DIR-graded.",
)
@click.option(
    "--exercise", "-e", "chosen", multiple=True, type=EXERCISE, help="Only this one; may be given several times."
)
@click.option("--jobs", "-j", type=click.IntRange(1, 256), help="Engines side by side. Default: one for every core.")
@click.option("--ledger", metavar="URL", help="A database for the ledger. Default: ledger.db in the output.")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers grade, such as tcp://HOST:8786.")
@click.option("--tls-ca", type=click.Path(path_type=Path, exists=True), help="TLS: the authority's certificate.")
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True), help="TLS: the certificate of this program.")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="TLS: its key.")
@course_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    output: Path | None,
    chosen: tuple[str, ...],
    jobs: int | None,
    ledger: str | None,
    scheduler: str | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    course: str | None,
    as_json: bool,
) -> None:
    """Grade a folder of submissions and write a report.

    DIR holds a folder or a zip per student, single files named after students, or Gradescope's export; or is a zip of that. What
    was graded is never graded again: stopped or killed, the same command goes on where it was. Exits with 0 when all that was
    taken is graded, passed or not, and with 3 where something could not be.
    """
    need_extra("The report", NEEDED, "batch")
    from grader.batch.collect import collect
    from grader.batch.executors import Tls, dask, local
    from grader.batch.report.write import write_report
    from grader.course.names import resolve
    from grader.course.read import find_course, lasting_spec
    from grader.store.ledger_opening import open_ledger

    if scheduler and jobs:
        raise UsageError("--jobs is for this machine; a cluster's workers have their own.", "Leave one of them out.")
    found = find_course(course)
    ids = [resolve(found, text) for text in chosen]
    target = output or folder.absolute().parent / f"{folder.absolute().stem}-graded"
    _make(target)
    started = time.perf_counter()
    with open_ledger(ledger or target / "ledger.db") as opened:
        handed_in = collect(folder, found, ids)
        opened.begin(found.name, handed_in.works, handed_in.tasks.values())
        workers = dask(scheduler, Tls(tls_ca, tls_cert, tls_key)) if scheduler else local(jobs)
        counted = _grade(opened, handed_in, found, lasting_spec(course), workers, quiet=as_json)
        summary = write_report(target, opened, found)
        _tell(summary, target, counted, time.perf_counter() - started, as_json)
    ctx.exit(3 if summary.ungraded else 0)


def _grade(
    ledger: Ledger,
    handed_in: Collected,
    course: Course,
    spec: str,
    workers: AbstractContextManager[Workers],
    *,
    quiet: bool,
) -> int:
    """Grade what waits; how many gradings that were."""
    from grader.batch.run import compare, run

    waiting = sum(len(ledger.waiting(depth)) for depth in range(ledger.depth() + 1))
    if not waiting and not ledger.comparable():
        return 0
    with workers as ready:
        with _progress("Grading", waiting, len(handed_in.tasks) - waiting, ready.called, quiet=quiet) as advance:
            try:
                run(ledger, course, spec, ready, lambda _: advance())
            except KeyboardInterrupt:
                click.echo("Stopped. What was graded is kept; the same command goes on from here.", err=True)
                raise
        alike = len(ledger.comparable())
        with _progress("Comparing what failed alike", alike, 0, ready.called, quiet=quiet) as advance:
            compare(ledger, spec, ready, advance)
    return waiting


@contextmanager
def _progress(what: str, total: int, before: int, called: str, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar with the rate and the time left on the terminal; elsewhere nothing. Yields what is called for each that is done."""
    from grader.cli.output import make_console

    console = make_console(stderr=True)
    if quiet or not total or not console.is_terminal:
        yield lambda: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{what} ({called})", total=total + before, completed=before, rate="")
        started, done = time.monotonic(), 0

        def advance() -> None:
            nonlocal done
            done += 1
            bar.update(task, advance=1, rate=f"{done / max(time.monotonic() - started, 0.001):.1f}/s")

        yield advance


def _make(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{target}: the output's folder cannot be made: {error.strerror or error}.", "Name another with --output."
        ) from None


def _tell(summary: Summary, target: Path, counted: int, duration: float, as_json: bool) -> None:
    from grader.batch.report.write import PAGE
    from grader.cli.output import data, make_console, print_json, print_text, shown_path
    from grader.cli.render import count
    from grader.text import seconds

    if as_json:
        print_json(
            {
                "schema": 1,
                "course": summary.course.name,
                "students": len(summary.students),
                "graded": summary.graded,
                "graded_now": counted,
                "ungraded": summary.ungraded,
                "refused": summary.refused,
                "report": str(target / PAGE),
                "duration_s": round(duration, 3),
            }
        )
        return
    console = make_console()
    passed = sum(at.statuses["passed"] for at in summary.exercises.values())
    handed_in = sum(at.handed_in for at in summary.exercises.values())
    print_text(
        console,
        data(
            f"{count(len(summary.students), 'student')}: {passed} of {handed_in} solutions pass. "
            f"{counted} graded now, in {seconds(duration)}."
        ),
    )
    if summary.refused:
        print_text(
            console, data(f"{count(summary.refused, 'file')} not taken; the report says which and why.", "yellow")
        )
    if summary.ungraded:
        print_text(
            console,
            data(
                f"{count(summary.ungraded, 'solution')} could not be graded, through no fault of the students. "
                "The same command tries them again.",
                "red",
            ),
        )
    print_text(console, data(f"The report: {shown_path(target / PAGE)}"))

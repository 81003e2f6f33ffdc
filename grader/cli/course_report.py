"""How the findings of `course check` are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from grader.authoring.report import Report
from grader.cli.output import data, labelled, make_console, print_text


@contextmanager
def progress() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the terminal; elsewhere nothing. Yields what is called with gradings done and in all."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Grading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show(console: Console, reports: list[Report]) -> None:
    """A table of all exercises, the survivors that were argued, and what was found."""
    table = Table(box=None, pad_edge=False)
    for title in ("exercise", "checks", "ms", "named", "also", "mutants", "equal", "alive", ""):
        table.add_column(title, justify="left" if title in ("exercise", "") else "right", no_wrap=True)
    for report in reports:
        named = sum(kill.diagnosed == kill.mistake for kill in report.kills)
        table.add_row(
            data(report.exercise),
            str(report.checks),
            f"{report.suite_s * 1000:.0f}",
            f"{named}/{len(report.kills)}",
            str(report.alternatives),
            str(report.mutants),
            str(len(report.argued)),
            str(len(report.survivors)),
            data("sound", "green") if report.sound else data(f"{len(report.findings)} found", "red"),
        )
    console.print(table)
    for report in reports:
        for finding in report.findings:
            print_text(console, labelled(f"{finding.where}: ", "bold", finding.problem))
            if finding.remedy:
                print_text(console, data(finding.remedy), 2)
    good = sum(report.sound for report in reports)
    print_text(console, data(f"{good} of {len(reports)} exercises are sound."))

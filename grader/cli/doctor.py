"""`gradlings doctor`: what is installed, and which protections hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from grader.doctor import Finding

MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}
PLAIN_MARKS = {"ok": "+", "warning": "!", "problem": "x"}
STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command("doctor")
@click.option(
    "--repair", is_flag=True, help="Save what can be read of a damaged progress.db; the damaged file is kept."
)
@click.option("--no-probes", is_flag=True, help="Leave out the proof of the protections, which takes a few seconds.")
@course_option
@json_option
@click.pass_context
def command(ctx: click.Context, repair: bool, no_probes: bool, course: str | None, as_json: bool) -> None:
    """Say what is installed, and prove which protections hold.

    Each protection of the process that runs learner code is attacked from within. Exits with 1 if a problem was found.
    """
    from grader.cli.output import make_console, print_json, waiting
    from grader.doctor import report

    if repair:
        _repair(as_json)
        return
    findings = []
    console = make_console()
    with waiting("Looking, and trying the protections", quiet=as_json):
        for finding in report(Path.cwd(), course, probes=not no_probes):
            findings.append(finding)
            if not as_json:
                _print(console, finding, new=len(findings) < 2 or findings[-2].section != finding.section)
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        print_json({"schema": 1, "problems": problems, "findings": [asdict(finding) for finding in findings]})
    else:
        console.print(f"\n{problems} problem{'s' * (problems != 1)} found." if problems else "\nAll is well.")
    ctx.exit(1 if problems else 0)


def _print(console: Console, finding: Finding, *, new: bool) -> None:
    from rich.text import Text

    from grader.cli.output import data, print_text, shown_marks

    marks = shown_marks(console.encoding, MARKS, PLAIN_MARKS)
    if new:
        console.print(Text(finding.section.capitalize(), style="bold"))
    line = Text(f"{marks[finding.state]} ", style=STYLES[finding.state])
    line.append_text(data(f"{finding.name}: {finding.text}", "default"))
    print_text(console, line, 2)
    if finding.hint:
        print_text(console, data(finding.hint), 6)


def _repair(as_json: bool) -> None:
    from dataclasses import fields

    from grader.cli.plain import print_json, shown_path
    from grader.course.workspace import open_workspace
    from grader.store import examine, salvage

    path = open_workspace(Path.cwd()).database
    damaged = path.exists() and bool(examine(path))
    saved = salvage(path) if damaged else None
    if as_json:
        counts = {f.name: getattr(saved, f.name) for f in fields(saved) if f.name != "kept"} if saved else {}
        print_json({"schema": 1, "repaired": damaged, "kept": str(saved.kept) if saved else None, **counts})
    elif saved is None:
        click.echo("progress.db is not damaged; nothing was done.")
    else:
        click.echo(f"Saved {saved.attempts} attempts, {saved.sources} sources and {saved.verdicts} verdicts.")
        if saved.without_source or saved.without_verdict:
            click.echo(f"Lost: the text of {saved.without_source} attempts, the verdict of {saved.without_verdict}.")
        click.echo(f"The damaged file is kept: {shown_path(saved.kept)}")

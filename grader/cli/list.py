"""`gradlings list`: the exercises and how far the learner is.

May cost half as much again as importing SQLAlchemy and Rich, so it imports nothing but click and the store.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, json_option, open_session

if TYPE_CHECKING:
    from grader.session import Row, Session

MARKS = {"passed": "✓", "pending": "✓", "failed": "✗", "not_started": "·"}
PLAIN_MARKS = {"passed": "+", "pending": "+", "failed": "x", "not_started": "."}
STYLES = {"passed": "green", "pending": "yellow", "failed": "red", "not_started": "dim"}


@click.command("list")
@click.option(
    "--path", "path", metavar="NAME", help="Choose another path through the course, and follow it from now on."
)
@course_option
@json_option
def command(path: str | None, course: str | None, as_json: bool) -> None:
    """Show the exercises and how far you are.

    First those along the path chosen, in its order, then the rest. The arrow marks the current one.
    """
    from grader.cli.plain import print_json

    with open_session(course) as session:
        if path is not None:
            session.set_path(path)
        rows = session.overview()
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "course": session.course.name,
                    "path": session.path,
                    "paths": list(session.course.paths),
                    "passed": _passed(rows),
                    "total": len(rows),
                    "exercises": [_value(row) for row in rows],
                }
            )
        else:
            _print(session, rows)


def _passed(rows: list[Row]) -> int:
    return sum(row.state in ("passed", "pending") for row in rows)


def _value(row: Row) -> dict[str, object]:
    exercise, progress = row.exercise, row.progress
    return {
        "id": exercise.id,
        "title": exercise.title,
        "state": row.state,
        "current": row.current,
        "ready": row.ready,
        "on_path": row.on_path,
        "requires": list(exercise.requires),
        "points": exercise.points,
        "minutes": exercise.minutes,
        "attempts": progress.attempts,
        "hints": progress.hints,
        "best_score": progress.best_score,
        "passed_at": progress.passed_at,
        "passed_version": progress.passed_version,
        "assisted": progress.assisted,
    }


def _print(session: Session, rows: list[Row]) -> None:
    from grader.cli.plain import shown_marks, styled
    from grader.text import one_line

    marks = shown_marks(sys.stdout.encoding, MARKS, PLAIN_MARKS)
    click.echo(styled(f"{one_line(session.course.title)}: {one_line(session.path)}", "bold"))
    wide = max((len(row.exercise.id) for row in rows), default=0)
    beside = False
    for row in rows:
        if not row.on_path and not beside:
            beside = True
            click.echo(styled("Beside the path", "bold"))
        id = styled(row.exercise.id.ljust(wide), "bold" if row.current else "")
        remark = _remark(row)
        click.echo(
            f"{'>' if row.current else ' '} {styled(marks[row.state], STYLES[row.state])} {id}  "
            f"{one_line(row.exercise.title)}{styled(f'  ({one_line(remark)})', 'dim') if remark else ''}"
        )
    click.echo(f"\n{_passed(rows)} of {len(rows)} passed.")
    for notice in session.notices:
        click.echo(styled(one_line(notice, 400), "yellow"))


def _remark(row: Row) -> str:
    exercise, progress = row.exercise, row.progress
    parts = []
    if row.state == "pending":
        parts.append(f"passed version {progress.passed_version}, version {exercise.suite_version} pending")
    if row.state == "failed":
        parts.append(f"{progress.attempts} attempt{'s' * (progress.attempts != 1)}")
    if row.state == "not_started" and not row.ready:
        parts.append("after " + ", ".join(exercise.requires))
    if progress.assisted:
        parts.append("assisted")
    return "; ".join(parts)

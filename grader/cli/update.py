"""`gradlings update`: bring the workspace up to the course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grader.cli.options import course_option, json_option, open_session

if TYPE_CHECKING:
    from grader.course.update import Change


@click.command("update")
@course_option
@json_option
def command(course: str | None, as_json: bool) -> None:
    """Bring the workspace up to the course's newest version.

    Exercises you have not touched are replaced, those you edited are kept and named, renamed ones keep their credit.
    """
    from grader.cli.plain import print_json

    with open_session(course) as session:
        changes = session.update()
        title, version = session.course.title, session.course.version
    if as_json:
        print_json(
            {
                "schema": 1,
                "version": version,
                "changes": [
                    {
                        "what": change.what,
                        "exercise": change.exercise,
                        "file": str(change.path),
                        "other": str(change.other) if change.other else None,
                    }
                    for change in changes
                ],
            }
        )
        return
    for change in changes:
        click.echo(_line(change))
    if changes:
        click.echo(f"\nThe workspace is at version {version} of {title!r}.")
    else:
        click.echo(f"Nothing to do: the workspace is at version {version} of {title!r}.")


def _line(change: Change) -> str:
    from grader.cli.plain import shown_path

    path = shown_path(change.path)
    other = shown_path(change.other) if change.other else ""
    return {
        "created": f"new        {path}",
        "replaced": f"replaced   {path} (you had not touched it)",
        "kept": f"kept       {path} (you edited it; the new stub lies at {other})",
        "moved": f"moved      {other} to {path} (renamed in the course)",
        "retired": f"left       {path} (no longer in the course)",
    }[change.what]

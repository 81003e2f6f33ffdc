"""`gradlings init [DIR]`: make a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.options import course_option, json_option


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@course_option
@json_option
def command(folder: Path, course: str | None, as_json: bool) -> None:
    """Make a workspace to learn in.

    DIR (default: the current folder) gets the exercises to edit and settings that make the run and debug buttons of VS Code
    work. Files that are there already are never overwritten, so it can be repeated.
    """
    from grader.cli.plain import print_json
    from grader.course.read import find_course
    from grader.course.workspace import init

    done = init(folder, find_course(course), course)
    workspace = done.workspace
    if as_json:
        print_json(
            {
                "schema": 1,
                "workspace": str(workspace.root),
                "course": workspace.course.name,
                "created": [str(path) for path in done.created],
                "kept": [str(path) for path in done.kept],
            }
        )
        return
    shown = click.format_filename(str(workspace.root))
    if not done.created:
        click.echo(f"{shown} is a workspace already; nothing was missing.")
    else:
        count = len(workspace.course.exercises)
        click.echo(f"Made a workspace for {workspace.course.title!r}, {count} exercises: {shown}")
    if done.created and done.kept:
        click.echo(f"{len(done.kept)} files were there already and were left as they are.")
    click.echo("\nNext:")
    if workspace.root != Path.cwd().resolve():
        click.echo(f"  cd {click.format_filename(str(folder))}")
    click.echo("  gradlings          opens the app: it says what to do, and grades every save")
    click.echo("  gradlings watch    the same in plain lines")

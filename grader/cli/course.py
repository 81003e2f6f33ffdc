"""`gradlings course new|check|test`: for authors; the work is grader.authoring's."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "new": "Draft an exercise, from a solution if there is one.",
    "check": "Prove a course sound.",
    "test": "Run one suite on one file in this process, under a debugger if wanted.",
}


class AuthorGroup(click.Group):
    """The commands of COMMANDS, each found as `command` in `grader.cli.course_<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"grader.cli.course_{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("course", cls=AuthorGroup)
def command() -> None:
    """Write and check courses.

    A course is a folder; docs/authoring.md tells how to write one.
    """

"""The root command: which commands there are, in which sections, and their lazy import.

A command's module is imported when the command runs, so that `gradlings list` pays for nothing that `watch` needs; the help
of the root comes from the table here and imports none of them.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from grader import __version__
from grader.cli.terminal import is_terminal

# section -> command -> its first line of help (a test holds them equal to the commands' own).
SECTIONS = {
    "Learning": {
        "init": "Make a workspace to learn in.",
        "watch": "Grade every save, as long as it runs.",
        "run": "Grade one exercise once.",
        "verify": "Grade all exercises, in parallel.",
        "list": "Show the exercises and how far you are.",
        "show": "Show an exercise's statement and where you are with it.",
        "hint": "Show the next hint, one stage at a time.",
        "solution": "Show the worked solution.",
        "debug": "Replay a failing check on your file under pdb.",
        "review": "Practise a passed exercise again when it is due.",
    },
    "Your work": {
        "history": "Show the attempts at an exercise, or a source of them.",
        "stats": "Show your activity, streak and progress.",
        "restore": "Bring back the source of an earlier attempt.",
        "reset": "Start an exercise again from its stub.",
        "update": "Bring the workspace up to the course's newest version.",
        "export": "Write your progress as CSV, JSON, JUnit or for Gradescope.",
    },
    "Any file, any course": {
        "grade": "Grade any file, without a workspace.",
        "course": "Write and check courses.",
        "batch": "Grade a folder of submissions and write a report.",
    },
    "A class": {
        "join": "Join a class.",
        "submit": "Hand in to your class.",
        "leaderboard": "Show your class's leaderboard.",
        "serve": "Serve a class.",
    },
    "This program": {
        "doctor": "Say what is installed, and prove which protections hold.",
        "completion": "Print the completion script of your shell.",
    },
}
COMMANDS = {name: line for commands in SECTIONS.values() for name, line in commands.items()}


class ReaderGone(Exception):
    """Whoever read our output has gone."""


class LazyGroup(click.Group):
    """The commands of SECTIONS, each found as `command` in `grader.cli.<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"grader.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # only where something is wrong already

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # click would make "1, not passed" of it.
            raise ReaderGone from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gradlings")
@click.option(
    "--course", metavar="COURSE", help="Open the app on this course: a folder, or the name of an installed one."
)
@click.option("--poll", is_flag=True, help="In the app, look for saves every 0.2 s instead of waiting for file events.")
@click.pass_context
def gradlings(ctx: click.Context, course: str | None, poll: bool) -> None:
    """Learn large language models by building them, graded on every save.

    Without a command it opens the app; where there is no terminal it says what to do next.
    """
    if ctx.invoked_subcommand is not None:
        if course is not None or poll:
            raise click.UsageError("--course and --poll go behind the command.", ctx)
    elif is_terminal():
        from grader.tui.start import start

        start(Path.cwd(), course, poll=poll)
    else:
        click.echo(_next_steps())


def _next_steps() -> str:
    from grader.course.workspace import find_workspace

    root = find_workspace(Path.cwd())
    if root is not None:
        return (
            f"This is a gradlings workspace: {click.format_filename(str(root))}\n\n"
            "  gradlings          in a terminal opens the app; keep it open beside your editor\n"
            "  gradlings watch    grades every save as well, in plain lines\n"
            "  gradlings list     shows the exercises and how far you are\n"
            "  gradlings hint     helps with the current exercise\n\n"
            "All commands: gradlings --help"
        )
    return (
        "Learn large language models by building them, graded on every save.\n\n"
        "  1. gradlings init my-llm    makes a workspace in the folder my-llm\n"
        "  2. cd my-llm\n"
        "  3. gradlings                opens the app: it says what to do, and grades every save\n\n"
        "All commands: gradlings --help"
    )

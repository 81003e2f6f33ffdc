"""The entry point, and the only place that prints errors and decides exit codes.

Exit codes: 0 passed or done; 1 not passed; 2 wrong usage or input; 3 the grader could not do its work; 130 interrupted.
A traceback of ours is never shown: what nobody foresaw goes to a report file, and one line says where that is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import GradlingsError
from grader.text import clean, one_line

if TYPE_CHECKING:
    import click

UNFORESEEN = 3
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not stop the grader.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _run(given)
        sys.stdout.flush()
    except GradlingsError as error:
        _complain(error.message, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _ended_by(error)
    return code if isinstance(code, int) else 0


def _run(argv: list[str]) -> object:
    from grader.cli.terminal import is_terminal

    if not argv and is_terminal():
        # Without click and without collecting garbage, of which start-up makes none: together they would take a third of what
        # a bare app takes to its first frame. The app collects again from there on.
        import gc

        gc.disable()
        # What is painted waits for a frame, and then is written by a thread, which waits for each of its turns.
        os.environ.setdefault("TEXTUAL_FPS", "120")
        sys.setswitchinterval(0.0005)
        from grader.tui.start import start

        start(Path.cwd())
        return 0
    from grader.cli.app import gradlings

    return gradlings.main(argv, "gradlings", standalone_mode=False)


def _ended_by(error: Exception) -> int:
    """The exit code for what is no error of ours."""
    import click

    from grader.cli.app import ReaderGone

    if isinstance(error, click.exceptions.Abort):
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        _complain_of_usage(error)
        return error.exit_code
    if isinstance(error, ReaderGone | BrokenPipeError):
        # Whoever read the output has gone (`| head`): nothing to say, and nobody to say it to, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    _complain(*_report(error))
    return UNFORESEEN


def _complain(message: str, hint: str | None = None) -> None:
    import click

    color = False if os.environ.get("NO_COLOR") else None
    try:
        click.echo(click.style("error: ", fg="red", bold=True) + clean(message), err=True, color=color)
        if hint:
            click.echo(click.style("what to do: ", bold=True) + clean(hint), err=True, color=color)
    except OSError:
        pass  # stderr is gone as well; the exit code still tells


def _complain_of_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help` tells what it takes." if context else None
    _complain(error.format_message(), hint)


def _report(error: Exception) -> tuple[str, str]:
    """Write the traceback to a file; the line and the hint to show instead."""
    import platform
    import tempfile
    import traceback

    from grader import __version__

    what = f"the grader met a fault of its own: {type(error).__name__}: {one_line(str(error))}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="gradlings-report-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(f"gradlings {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
            file.write(f"arguments: {sys.argv[1:]!r}\n\n")
            file.write("".join(traceback.format_exception(error)))
    except OSError as failure:
        return what, f"The report could not be written either: {failure}. Nothing you wrote is lost."
    return what, f"The details are in {file.name}; nothing you wrote is lost. Please report it with that file."


if __name__ == "__main__":
    sys.exit(main())

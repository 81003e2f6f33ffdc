"""`gradlings watch [EXERCISE]`: grade every save."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType

import click

from grader.cli.options import course_option, exercise_argument, json_option, open_session


@click.command("watch")
@exercise_argument()
@click.option("--poll", is_flag=True, help="Look for changes every 0.2 s instead of waiting for file events.")
@course_option
@json_option
def command(exercise: str | None, poll: bool, course: str | None, as_json: bool) -> None:
    """Grade every save, as long as it runs.

    Any exercise of the workspace is graded when its file is saved; EXERCISE becomes the current one. Saves while one is graded
    are not lost, and the newest is graded first. A second `watch` on the same workspace shows what the first one finds.
    Ctrl-C or q ends it.
    """
    from grader.cli.output import make_console
    from grader.cli.reporter import JsonLines, Lines
    from grader.cli.watching import Watching

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    reporter = JsonLines() if as_json else Lines(make_console())
    with open_session(course) as session:
        if exercise is not None:
            session.set_current(session.resolve(exercise))
        with contextlib.suppress(KeyboardInterrupt):
            Watching(session, reporter, poll=poll, keys=not as_json).run()
        reporter.stopped()


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End as Ctrl-C does: processes ended, terminal restored."""
    raise KeyboardInterrupt

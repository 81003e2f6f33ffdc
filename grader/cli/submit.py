"""`gradlings submit [EXERCISE]...`: hand in to the class."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from grader.cli.options import EXERCISE, course_option, json_option, open_session
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.classmate.lines import Line
    from grader.classmate.membership import Membership
    from grader.classmate.outbox import Outbox
    from grader.session import Session

WAIT_S = 120.0
# Between two looks at a submission; the last one again and again.
_LOOKS = (0.1, 0.2, 0.4, 0.8, 1.5)


@click.command("submit")
@click.argument("exercises", metavar="[EXERCISE]...", nargs=-1, type=EXERCISE)
@click.option("--all", "all_passed", is_flag=True, help="Everything that passed here and is not handed in yet.")
@click.option("--wait/--no-wait", default=None, help="Wait for the verdicts, up to 120 s. Default: on a terminal.")
@course_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    exercises: tuple[str, ...],
    all_passed: bool,
    wait: bool | None,
    course: str | None,
    as_json: bool,
) -> None:
    """Hand in to your class.

    Sends the exercises' files as they are saved now (default: the current one), with your solutions that they import. Where
    the class cannot be reached they wait in the workspace, and go out with the next `gradlings submit`.
    Exits with 0 when all is accepted or waits; having waited for verdicts, with 1 if one is no pass, 3 if one did not come.
    """
    from grader.classmate.connection import Refused
    from grader.classmate.membership import read
    from grader.classmate.outbox import Outbox
    from grader.cli.output import waiting
    from grader.cli.submitted import print_sent, sent_json
    from grader.cli.terminal import is_terminal

    if exercises and all_passed:
        raise UsageError("--all hands in everything that passed.", "Name exercises, or say --all.")
    with open_session(course) as session:
        joined = read(session.workspace.root)
        if joined.course != session.course.name:
            raise UsageError(f"Your class works on the course {joined.course}.", "Leave --course out.")
        outbox = Outbox(session.workspace.root, joined)
        for id, source in _passed(session, outbox) if all_passed else _named(session, outbox, exercises):
            outbox.put(id, source, session.submission(id, source).uses)
    watched = is_terminal() if wait is None else wait
    with waiting("Handing in", quiet=as_json):
        sent = outbox.send()
        if isinstance(sent.trouble, Refused) and sent.trouble.status in (401, 403):
            raise Refused(sent.trouble.status, f"{sent.trouble.message} What you handed in waits.", sent.trouble.hint)
        lines = _graded(joined, sent.acknowledged) if watched else sent.acknowledged
    if as_json:
        sent_json(sent, lines)
    else:
        print_sent(sent, lines, watched)
    ctx.exit(2 if sent.refused or sent.damaged else _exit_code(lines) if watched else 0)


def _named(session: Session, outbox: Outbox, exercises: tuple[str, ...]) -> list[tuple[str, str]]:
    """The files of the exercises named, or of the current one; none where that is not begun and others wait to go out."""
    ids = [session.resolve(text) for text in exercises]
    if not ids:
        current = session.current()
        ids = [current] if current is not None and _is_begun(session, current) else []
        if not ids and not outbox.waiting():
            what = f"{current} is not begun yet." if current else "Every exercise of this course is passed."
            raise UsageError(what, "Name what you hand in: `gradlings submit EXERCISE`, or --all for all that passed.")
    return [(id, _source(session, id)) for id in dict.fromkeys(ids)]


def _passed(session: Session, outbox: Outbox) -> list[tuple[str, str]]:
    """The newest passed source of every exercise, but those that the class has."""
    known = outbox.acknowledged()
    found = []
    for id in session.course.exercises:
        newest = next((each for each in reversed(session.history(id)) if each.status == "passed"), None)
        if newest is not None and (id, newest.source_sha256) not in known:
            found.append((id, session.store.source(newest.source_sha256)))
    return found


def _source(session: Session, id: str) -> str:
    return session.workspace.read(session.exercise(id).id)


def _is_begun(session: Session, id: str) -> bool:
    return not session.workspace.untouched(id, _source(session, id))


def _graded(joined: Membership, lines: list[Line]) -> list[Line]:
    """The lines with their verdicts, as far as these come in time."""
    from grader.classmate.connection import Offline, Refused, ask
    from grader.classmate.lines import line_of

    end = time.monotonic() + WAIT_S
    found = list(lines)
    for at, line in enumerate(lines):
        looks = 0
        while True:
            try:
                found[at] = line_of(ask(joined.server, "GET", f"/submissions/{line.id}", joined.token))
            except (Refused, ValueError):
                break  # it is accepted, and that is told
            except Offline:
                pass  # a network that comes back within the time does no harm
            if found[at].verdict is not None or time.monotonic() > end:
                break
            time.sleep(_LOOKS[min(looks, len(_LOOKS) - 1)])
            looks += 1
    return found


def _exit_code(lines: list[Line]) -> int:
    statuses = {line.status for line in lines}
    if statuses & {"waiting", "ungraded"}:
        return 3
    return 0 if statuses <= {"passed"} else 1

"""`gradlings submit [EXERCISE]...`: hand in to the class."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from grader.cli.options import EXERCISE, chosen, course_option, json_option, open_session
from grader.cli.terminal import is_terminal
from grader.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from grader.classmate.membership import Membership
    from grader.classmate.outbox import Outbox, Sent
    from grader.session import Session

WAIT_S = 120.0
_LOOKS = (0.1, 0.2, 0.4, 0.8, 1.0)


@click.command("submit")
@click.argument("exercises", metavar="[EXERCISE]...", nargs=-1, type=EXERCISE)
@click.option("--all", "all_passed", is_flag=True, help="Everything that passed here and is not handed in yet.")
@click.option("--wait/--no-wait", default=None, help="Wait for the verdicts. Default: on a terminal.")
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

    Sends the files of the exercises as they are saved now (default: the current one), with the solutions of yours that they build
    on. Where the class cannot be reached they wait in the workspace, and go out with the next `gradlings submit`. Exits with 1
    where a verdict came and it is no pass, or the class refused something.
    """
    from grader.classmate.membership import member
    from grader.classmate.outbox import Outbox
    from grader.cli.output import make_console, print_json, waiting

    if exercises and all_passed:
        raise UsageError("--all hands in everything that passed.", "Name exercises, or say --all.")
    with open_session(course) as session:
        root = session.workspace.root
        joined = member(root)
        outbox = Outbox(root)
        if all_passed:
            _put_passed(session, outbox)
        else:
            for id in [session.resolve(text) for text in exercises] or [chosen(session, None)]:
                _put(session, outbox, id)
    with waiting("Handing in", quiet=as_json):
        sent = outbox.send(joined)
        looked = wait if wait is not None else is_terminal()
        lines = _watch(joined, sent.acknowledged) if looked else sent.acknowledged
    if as_json:
        print_json(_plain(sent, lines))
    else:
        _tell(make_console(), sent, lines)
    good = all(line["status"] in ("passed", "waiting") for line in lines) and not sent.refused
    ctx.exit(0 if good else 1)


def _put(session: Session, outbox: Outbox, id: str) -> None:
    from grader.course.files import decode, read_bytes

    path = session.file(id)
    source = decode(path, read_bytes(session.workspace.root, path))
    outbox.put(id, source, session.submission(id, source).uses)


def _put_passed(session: Session, outbox: Outbox) -> None:
    known = outbox.acknowledged()
    for id in session.course.exercises:
        passed = [each for each in session.store.attempts(id) if each.status == "passed"]
        if passed and (id, passed[-1].source_sha256) not in known:
            source = session.store.source(passed[-1].source_sha256)
            outbox.put(id, source, session.submission(id, source).uses)


def _watch(joined: Membership, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines with their verdicts, as far as these come in time."""
    from grader.classmate.connection import Offline, Refused, ask

    end, looks = time.monotonic() + WAIT_S, 0
    found = list(lines)
    while True:
        for at, line in enumerate(found):
            if line["status"] == "waiting" or "verdict" not in line:
                try:
                    found[at] = ask(joined.server, "GET", f"/submissions/{line['id']}", joined.token)
                except (Offline, Refused):
                    return found
        if all(line["status"] != "waiting" for line in found) or time.monotonic() > end:
            return found
        time.sleep(_LOOKS[min(looks, len(_LOOKS) - 1)])
        looks += 1


def _plain(sent: Sent, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "schema": 1,
        "submissions": lines,
        "refused": [{"exercise": id, "message": error.message} for id, error in sent.refused],
        "waiting": sent.waiting,
        "trouble": sent.trouble.message if sent.trouble else None,
    }


def _tell(console: Console, sent: Sent, lines: list[dict[str, Any]]) -> None:
    from grader.cli.output import data

    for line in lines:
        if line["status"] == "waiting":
            console.print(data(f"{line['exercise']} is accepted as submission {line['id']}, and waits to be graded."))
            continue
        checks = (line.get("verdict") or {}).get("checks", [])
        failing = [check for check in checks if check["status"] not in ("passed", "not_run")]
        if line["status"] == "passed" or not checks:
            console.print(
                data(f"{line['exercise']}: {line['status']}.", "green" if line["status"] == "passed" else "red")
            )
        else:
            console.print(data(f"{line['exercise']}: {line['status']}, {len(failing)} of {len(checks)} checks.", "red"))
        for text in dict.fromkeys((check["diagnosis"] or check)["message"] for check in failing[:3]):
            console.print(data(f"  {text}"))
    for id, error in sent.refused:
        console.print(data(f"{id} was refused: {error.message} {error.hint or ''}".rstrip(), "red"))
    if sent.trouble is not None:
        console.print(data(f"{sent.trouble.message} {sent.trouble.hint or ''}".rstrip()))
        console.print(data(f"{sent.waiting} waiting; the next `gradlings submit` sends them."))
    if not lines and not sent.refused and sent.trouble is None:
        console.print("There is nothing to hand in.")

"""`gradlings join URL CODE`: become a member of a class."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from grader.cli.options import course_option, json_option, open_session
from grader.errors import GradlingsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from grader.classmate.membership import Membership


@click.command("join")
@click.argument("url")
@click.argument("code")
@click.option("--name", help="Your name, for the teacher. Asked for where it is left out.")
@click.option("--nickname", default="", help="What the others see. Default: your first name.")
@click.option("--listed/--unlisted", default=False, help="Be on the leaderboard, or not (the default).")
@click.option("--insecure", is_flag=True, help="Allow http:// to another machine.")
@click.option("--again", is_flag=True, help="Leave the class this workspace is in for this one.")
@course_option
@json_option
def command(
    url: str,
    code: str,
    name: str | None,
    nickname: str,
    listed: bool,
    insecure: bool,
    again: bool,
    course: str | None,
    as_json: bool,
) -> None:
    """Join a class.

    URL and CODE are your teacher's: the class code, or an invitation for you alone. What you then hand in is graded there.
    """
    from grader.classmate import membership
    from grader.classmate.connection import server_of
    from grader.classmate.outbox import Outbox
    from grader.cli.output import print_json

    server = server_of(url, insecure=insecure)
    with open_session(course) as session:
        root, course_name = session.workspace.root, session.course.name
    if not again:
        _refuse_second(root)
    given = {"code": code, "name": _name(name), "nickname": nickname, "listed": listed}
    found, is_listed = _join(server, given)
    if found.course != course_name:
        _leave(found)
        raise UsageError(
            f"That class works on the course {found.course}, this workspace on {course_name}.",
            "Ask your teacher for the course, and make a workspace for it: `gradlings init DIR --course COURSE`.",
        )
    membership.write(root, found)
    waiting = Outbox(root, found).waiting()
    if as_json:
        told = {"server": server, "course": found.course, "title": found.title, "nickname": found.nickname}
        print_json({"schema": 1, **told, "listed": is_listed, "waiting": waiting})
    else:
        _tell(found, is_listed, waiting)


def _refuse_second(root: Path) -> None:
    from grader.classmate import membership

    if membership.is_member(root):
        there = membership.read(root)
        raise UsageError(
            f"This workspace is in the class {there.title} at {there.server} already.",
            "`gradlings join URL CODE --again` leaves it for another one.",
        )


def _name(name: str | None) -> str:
    from grader.cli.terminal import is_terminal

    if name is None:
        if not is_terminal():
            raise UsageError("Your name is missing.", "Say it with --name; it is for your teacher.")
        name = str(click.prompt("Your name, for the teacher", err=True))
    if not name.strip():
        raise UsageError("The name is empty.", "Say yours with --name; it is for your teacher.")
    # A terminal's bytes that are no text could not be sent.
    return name.encode("utf-8", "replace").decode()


def _join(server: str, given: dict[str, Any]) -> tuple[Membership, bool]:
    from grader.classmate.connection import ask, no_class
    from grader.classmate.membership import membership_of

    joined = ask(server, "POST", "/join", given=given)
    try:
        return membership_of({**joined, "server": server}), bool(joined["listed"])
    except (ValueError, KeyError, TypeError):
        raise no_class(server) from None


def _leave(found: Membership) -> None:
    """Make the token worthless that nobody will use; where that fails it lies nowhere either."""
    from grader.classmate.connection import ask

    with contextlib.suppress(GradlingsError):
        ask(found.server, "DELETE", "/token", found.token)


def _tell(found: Membership, is_listed: bool, waiting: int) -> None:
    from grader.cli.output import data, make_console, print_text
    from grader.cli.render import count
    from grader.text import one_line

    console = make_console()
    print_text(console, data(f"You are in {one_line(found.title)}, as {one_line(found.nickname)}.", "bold"))
    print_text(console, data("`gradlings submit` hands in the current exercise."))
    if waiting:
        print_text(
            console, data(f"{count(waiting, 'submission')} waiting; the next `gradlings submit` sends them here.")
        )
    if is_listed:
        print_text(console, data("The others see you on the leaderboard; `gradlings leaderboard --hide-me` ends that."))
    else:
        print_text(
            console, data("You are not on the leaderboard; `gradlings leaderboard --show-me` puts you there.", "dim")
        )

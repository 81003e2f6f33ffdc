"""`gradlings join URL CODE`: become a member of a class."""

from __future__ import annotations

import click

from grader.cli.options import course_option, json_option, open_session
from grader.cli.terminal import is_terminal
from grader.errors import UsageError


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
    from grader.classmate.connection import ask, server_of
    from grader.cli.output import data, make_console, print_json

    server = server_of(url, insecure=insecure)
    with open_session(course) as session:
        root, course_name = session.workspace.root, session.course.name
    if not again and (there := membership.read(root)) is not None:
        raise UsageError(f"This workspace is in the class {there.title} already.", "--again leaves it for this one.")
    if name is None:
        if not is_terminal():
            raise UsageError("Your name is missing.", "Say it with --name.")
        name = click.prompt("Your name", err=True)
    given = {"code": code, "name": name, "nickname": nickname, "listed": listed}
    joined = ask(server, "POST", "/join", given=given)
    try:
        found = membership.Membership(
            server, str(joined["token"]), str(joined["nickname"]), str(joined["title"]), str(joined["course"])
        )
    except (KeyError, TypeError):
        raise UsageError(f"{server} did not answer as a class does.", "Is this the address of your class?") from None
    if found.course != course_name:
        raise UsageError(
            "That class works on another course than this workspace.",
            "Ask your teacher for the course, and `gradlings init` with it.",
        )
    membership.write(root, found)
    if as_json:
        print_json(
            {
                "schema": 1,
                "server": server,
                "title": found.title,
                "nickname": found.nickname,
                "listed": bool(joined["listed"]),
            }
        )
        return
    console = make_console()
    console.print(data(f"You are in {found.title}, as {found.nickname}."))
    console.print("`gradlings submit` hands in the current exercise.")
    if not joined["listed"]:
        console.print("You are not on the leaderboard; `gradlings leaderboard --show-me` changes that.", style="dim")

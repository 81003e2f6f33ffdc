"""`gradlings leaderboard`: how the class stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from grader.cli.options import course_option, json_option, open_session

if TYPE_CHECKING:
    from grader.classmate.membership import Membership

NUMBERS = ("place", "points", "passed", "firsts", "streak")
TEXTS = ("nickname", "last_day")


@click.command("leaderboard")
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many places.")
@click.option("--show-me/--hide-me", "listed", default=None, help="Be on it, or not.")
@click.option("--nickname", help="What the others see of you from now on.")
@click.option("--link", is_flag=True, help="Print a link that signs a browser in as you; show it to nobody.")
@course_option
@json_option
def command(
    limit: int, listed: bool | None, nickname: str | None, link: bool, course: str | None, as_json: bool
) -> None:
    """Show your class's leaderboard.

    On it are those who want to be, under their nicknames: by points, among equals who got there first. First: exercises passed
    before anybody else. Streak: days in a row on which something new was passed.
    """
    from grader.classmate.connection import ask, no_class
    from grader.classmate.membership import read, write
    from grader.cli.output import print_json

    with open_session(course) as session:
        root = session.workspace.root
    joined = read(root)
    if link:
        address = f"{joined.server}/enter#{joined.token}"
        if as_json:
            print_json({"schema": 1, "link": address})
        else:
            click.echo(address)
        return
    me = _me(joined, listed, nickname)
    if me["nickname"] != joined.nickname:
        write(root, replace(joined, nickname=me["nickname"]))
    try:
        rows = [_row(found) for found in ask(joined.server, "GET", f"/leaderboard?limit={limit}", joined.token)]
    except (ValueError, TypeError):
        raise no_class(joined.server) from None
    if as_json:
        print_json({"schema": 1, "title": joined.title, **me, "leaderboard": rows})
    else:
        _show(joined.title, me, rows)


def _me(joined: Membership, listed: bool | None, nickname: str | None) -> dict[str, Any]:
    """Nickname, and whether one is listed; changed where that was asked for."""
    from grader.classmate.connection import ask, no_class

    wanted = {"listed": listed, "nickname": nickname and nickname.encode("utf-8", "replace").decode()}
    given = {name: value for name, value in wanted.items() if value is not None}
    me = ask(joined.server, "PATCH" if given else "GET", "/me", joined.token, given or None)
    if not isinstance(me, dict) or not isinstance(me.get("nickname"), str) or not isinstance(me.get("listed"), bool):
        raise no_class(joined.server)
    return {"nickname": me["nickname"], "listed": me["listed"]}


def _row(found: Any) -> dict[str, Any]:
    """A line of the answer. Raises ValueError where it is none."""
    if not isinstance(found, dict) or not isinstance(found.get("you"), bool):
        raise ValueError("no line")
    if not all(type(found.get(name)) is int for name in NUMBERS):
        raise ValueError("not a number")
    if not all(isinstance(found.get(name), str) for name in TEXTS):
        raise ValueError("not a text")
    return {name: found[name] for name in (*NUMBERS, *TEXTS, "you")}


def _show(title: str, me: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from grader.cli.output import data, make_console, print_text
    from grader.text import one_line

    console = make_console()
    if rows:
        table = Table(title=data(one_line(title)), title_justify="left", box=None, header_style="dim", pad_edge=False)
        table.add_column("Place", justify="right")
        table.add_column("Nickname", overflow="fold")
        for heading in ("Points", "Passed", "First", "Streak"):
            table.add_column(heading, justify="right")
        for row in rows:
            # Not by its weight alone: a pipe has none.
            name = one_line(row["nickname"], 40) + (" (you)" if row["you"] else "")
            cells = [str(row["place"]), name, *(str(row[each]) for each in ("points", "passed", "firsts", "streak"))]
            table.add_row(*(data(cell) for cell in cells), style="bold" if row["you"] else "")
        console.print(table)
    else:
        print_text(console, data(f"Nobody of {one_line(title)} is on the leaderboard yet."))
    name = one_line(me["nickname"], 40)
    if not me["listed"]:
        print_text(
            console, data(f"You, {name}, are not on it; `gradlings leaderboard --show-me` puts you there.", "dim")
        )
    elif not any(row["you"] for row in rows):
        print_text(console, data(f"You, {name}, are on it, further down or once something is passed.", "dim"))

"""`gradlings leaderboard`: how the class stands."""

from __future__ import annotations

from typing import Any

import click

from grader.cli.options import course_option, json_option, open_session
from grader.errors import UsageError


@click.command("leaderboard")
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many places.")
@click.option("--show-me/--hide-me", "listed", default=None, help="Be on it, or not.")
@click.option("--nickname", help="What the others see of you.")
@click.option("--link", is_flag=True, help="Print a link that signs a browser in as you; show it to nobody.")
@course_option
@json_option
def command(
    limit: int, listed: bool | None, nickname: str | None, link: bool, course: str | None, as_json: bool
) -> None:
    """Show your class's leaderboard."""
    from grader.classmate.connection import ask
    from grader.classmate.membership import member
    from grader.cli.output import print_json

    with open_session(course) as session:
        joined = member(session.workspace.root)
    if link:
        click.echo(f"{joined.server}/enter#{joined.token}")
        return
    if listed is not None or nickname is not None:
        given = {"listed": listed, "nickname": nickname}
        ask(
            joined.server,
            "PATCH",
            "/me",
            joined.token,
            {name: value for name, value in given.items() if value is not None},
        )
    rows = ask(joined.server, "GET", f"/leaderboard?limit={limit}", joined.token)
    try:
        lines = [
            [
                str(row["place"]),
                str(row["nickname"]),
                str(row["points"]),
                str(row["passed"]),
                str(row["firsts"] or ""),
                bool(row["you"]),
            ]
            for row in rows
        ]
    except (KeyError, TypeError):
        raise UsageError(
            f"{joined.server} did not answer as a class does.", "Is this the address of your class?"
        ) from None
    if as_json:
        print_json({"schema": 1, "title": joined.title, "leaderboard": rows})
    else:
        _show(joined.title, lines)


def _show(title: str, lines: list[list[Any]]) -> None:
    from rich.table import Table

    from grader.cli.output import data, make_console
    from grader.text import one_line

    console = make_console()
    if not lines:
        console.print(data(f"Nobody of {title} is on the leaderboard yet. `--show-me` puts you there."))
        return
    table = Table(title=data(one_line(title)), box=None, header_style="dim")
    for heading, side in (
        ("Place", "right"),
        ("Nickname", "left"),
        ("Points", "right"),
        ("Passed", "right"),
        ("First", "right"),
    ):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for *cells, you in lines:
        style = "bold" if you else ""
        cells[1] = one_line(cells[1], 40) + (" (you)" if you else "")
        table.add_row(*(data(cell, style) for cell in cells))
    console.print(table)

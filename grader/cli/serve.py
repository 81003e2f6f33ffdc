"""`gradlings serve`: the class server."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli.options import course_option, json_option, need_extra

NEEDED = {"fastapi": "fastapi", "uvicorn": "uvicorn", "jinja2": "jinja2", "multipart": "python-multipart"}


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option(
    "--database", metavar="URL", help="A SQLite file, or an address of SQLAlchemy's. Default: class.db in this folder."
)
@click.option("--title", default="", help="What the class is called; kept from the first start on.")
@click.option("--jobs", "-j", type=click.IntRange(1, 64), help="Engines side by side. Default: one for every core.")
@click.option(
    "--proxy", "proxies", metavar="ADDRESSES", default="", help="Reverse proxies to believe, with commas between them."
)
@course_option
@json_option
def command(
    host: str,
    port: int,
    database: str | None,
    title: str,
    jobs: int | None,
    proxies: str,
    course: str | None,
    as_json: bool,
) -> None:
    """Serve a class.

    Prints the class code and the teacher's link; the link signs its reader in as the teacher, so keep it. Everything is in the
    database: stopped or killed, the same command goes on where it was, and grades what was accepted.
    """
    need_extra("The class server", NEEDED, "classroom")
    from grader.classroom.serve import address_of, bind, open_room, serve
    from grader.course.read import find_course

    place = database if database and "://" in database else Path(database or "class.db")
    listening = bind(host, port)
    try:
        room, hub = open_room(find_course(course), place, title, jobs)
        try:
            address = address_of(listening)
            serve(
                room,
                hub,
                listening,
                proxies,
                lambda: _tell(room.title, address, room.code, room.teacher_token(), as_json),
            )
        finally:
            room.close()
    finally:
        listening.close()


def _tell(title: str, address: str, code: str, token: str, as_json: bool) -> None:
    from grader.cli.output import data, make_console, print_json_line

    link = f"{address}/enter#{token}"
    if as_json:
        print_json_line({"schema": 1, "title": title, "address": address, "code": code, "teacher_link": link})
        return
    console = make_console()
    console.print(data(title, "bold"), data(f"is open at {address}"), sep=" ")
    plain = "" if address.startswith(("http://127.", "http://[::1]", "http://localhost")) else " --insecure"
    console.print(data(f"Students join with   gradlings join {address} {code}{plain}"), soft_wrap=True)
    if plain:
        console.print(
            "Over plain http others in the network could read tokens; docs/class.md has a proxy.", style="dim"
        )
    console.print(data(f"Your page, teacher   {link}"), soft_wrap=True)
    console.print("Ctrl-C stops it; nothing that was accepted is lost.", style="dim")

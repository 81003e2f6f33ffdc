"""`gradlings show [EXERCISE]`: the statement, and where the learner is with it."""

from __future__ import annotations

import re
import textwrap

import click

from grader.cli.options import chosen, course_option, exercise_argument, json_option, open_session

ITEM = re.compile(r"([-*]|\d+[.)]) ")


@click.command("show")
@exercise_argument()
@course_option
@json_option
def command(exercise: str | None, course: str | None, as_json: bool) -> None:
    """Show an exercise's statement and where you are with it.

    Without EXERCISE the current one is shown.
    """
    from grader.cli.output import data, make_console, print_json, print_text, shown_path
    from grader.cli.render import count
    from grader.course.source import statement

    with open_session(course) as session:
        id = chosen(session, exercise)
        row = next(row for row in session.overview() if row.exercise.id == id)
        found, text, file = row.exercise, statement(session.course, id), session.file(id)
        if as_json:
            print_json(
                {
                    "schema": 1,
                    "id": id,
                    "title": found.title,
                    "state": row.state,
                    "file": str(file),
                    "statement": text,
                    "requires": list(found.requires),
                    "points": found.points,
                    "minutes": found.minutes,
                    "attempts": row.progress.attempts,
                    "hints": {"taken": row.progress.hints, "total": len(found.hints)},
                    "forbidden": [{"name": item.name, "why": item.why} for item in found.forbid],
                }
            )
            return
        console = make_console()
        console.print(data(f"{id}: {found.title}", "bold"))
        console.print(
            f"{row.state.replace('_', ' ')}, {count(row.progress.attempts, 'attempt')}, "
            f"{row.progress.hints} of {count(len(found.hints), 'hint')} taken, {found.points} points, "
            f"about {count(found.minutes, 'minute')}"
        )
        console.print(f"File: {shown_path(file)}")
        if found.requires:
            console.print(f"Builds on: {', '.join(found.requires)}")
        for item in found.forbid:
            if "::" not in item.name:  # an operator, which nobody calls by that name
                print_text(console, data(f"Not allowed: {item.name} ({item.why})"))
        console.print()
        # Not as rendered Markdown, which would take the formulas' stars and underlines away.
        print_text(console, data(reflow(text, console.width)))


def reflow(text: str, width: int) -> str:
    """Markdown with the lines of its paragraphs broken anew; tables, code, formulas and headings stay as they are."""
    done: list[str] = []
    paragraph: list[str] = []

    def flush() -> None:
        if paragraph:
            item = ITEM.match(paragraph[0])
            indent = " " * (len(item[0]) if item else 0)
            joined = " ".join([paragraph[0], *(line.strip() for line in paragraph[1:])])
            done.extend(
                textwrap.wrap(joined, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            )
            paragraph.clear()

    fenced = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        if (
            fenced
            or fence
            or not line.strip()
            or line.startswith(("#", "|", ">"))
            or (line.startswith(" ") and not paragraph)
        ):
            flush()
            done.append(line)
        else:
            if ITEM.match(line):
                flush()
            paragraph.append(line)
        fenced ^= fence
    flush()
    return "\n".join(done)

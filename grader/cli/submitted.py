"""What came of handing in: for people a line each with why it is no pass, for programs JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from grader.cli.output import data, labelled, make_console, print_json, print_text
from grader.cli.render import failing_line, summary
from grader.errors import GradlingsError
from grader.model import Verdict
from grader.text import one_line

if TYPE_CHECKING:
    from grader.classmate.lines import Line
    from grader.classmate.outbox import Sent


def sent_json(sent: Sent, lines: list[Line]) -> None:
    """Print it as one JSON document (docs/commands.md)."""
    print_json(
        {
            "schema": 1,
            "submissions": [asdict(line) for line in lines],
            "refused": [{"exercise": id, "message": why.message, "hint": why.hint} for id, why in sent.refused],
            "damaged": [str(path) for path in sent.damaged],
            "waiting": sent.waiting,
            "trouble": sent.trouble.message if sent.trouble else None,
        }
    )


def print_sent(sent: Sent, lines: list[Line], watched: bool) -> None:
    """Print it for people. `watched`: verdicts were waited for."""
    console = make_console()
    for line in lines:
        first, *more = _told(line, watched)
        print_text(console, first)
        for text in more:
            print_text(console, text, 2)
    for id, why in sent.refused:
        print_text(
            console, labelled("Refused: ", "bold red", f"{one_line(id)}: {why.message} {why.hint or ''}".rstrip())
        )
        print_text(console, data("The class does not take it; it is kept in .gradlings/refused.", "dim"), 2)
    for path in sent.damaged:
        print_text(console, labelled("Not sent: ", "bold red", f"{path} is damaged. Hand that exercise in again."))
    if sent.trouble is not None:
        print_text(console, labelled("Not sent yet: ", "bold yellow", sent.trouble.message))
        if sent.trouble.hint:
            print_text(console, data(sent.trouble.hint), 2)
        print_text(console, data(f"{sent.waiting} waiting in the workspace; the next `gradlings submit` sends them."))
    elif not lines and not sent.refused and not sent.damaged:
        console.print("There is nothing to hand in.")


def _told(line: Line, watched: bool) -> list[Text]:
    verdict = _verdict(line)
    if verdict is not None:
        found = [summary(verdict)]
        why = failing_line(verdict)
        return found if why is None else [*found, why]
    told = Text().append(one_line(line.exercise), style="bold")
    if line.status == "waiting":
        told.append(f"  accepted as submission {line.id}", style="bold green")
        later = " and not graded yet: your page of the class will show it" if watched else ""
        told.append(f"{later}.")
        return [told, *([Text(one_line(line.trouble))] if line.trouble else [])]
    return [told.append(f"  {one_line(line.status, 40)}, submission {line.id}.")]


def _verdict(line: Line) -> Verdict | None:
    """The class's verdict; None where there is none that this program can read."""
    from grader.verdict_json import from_json

    if line.verdict is None:
        return None
    try:
        return from_json(json.dumps(line.verdict).encode())
    except (GradlingsError, ValueError):
        return None

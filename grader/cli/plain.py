"""Output without Rich, which costs a fifth of what importing SQLAlchemy costs: JSON, paths, lines with a little colour."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from grader.text import shown_path

__all__ = ["can_show", "print_json", "print_json_line", "shown_marks", "shown_path", "styled"]

ANSI = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def print_json(value: Any) -> None:
    """Print `value` as JSON and nothing else. ASCII only, so that no terminal is told anything by what is in it."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_json_line(value: Any) -> None:
    """Print `value` as one line of JSON, at once: for a stream of events."""
    sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")
    sys.stdout.flush()


def can_show(encoding: str | None, text: str) -> bool:
    """Whether a stream of that encoding has these characters."""
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def shown_marks(encoding: str | None, marks: dict[str, str], plain: dict[str, str]) -> dict[str, str]:
    """The `marks`, or the `plain` ones where a stream of that encoding does not have them."""
    return marks if can_show(encoding, "".join(marks.values())) else plain


def styled(text: str, style: str) -> str:
    """`text` in a style of ANSI where standard output is a terminal, bare elsewhere; under NO_COLOR without colours."""
    bare = not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    if bare or not style or (os.environ.get("NO_COLOR") and style not in ("bold", "dim")):
        return text
    return f"\x1b[{ANSI[style]}m{text}\x1b[0m"

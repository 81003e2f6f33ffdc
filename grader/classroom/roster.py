"""Reads a roster: a CSV with a heading, as Canvas, Moodle and spreadsheets write them. Stateless."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from grader.classroom.names import name_of
from grader.errors import UsageError
from grader.text import one_line

MAX_LINES = 5000
MAX_EMAIL = 200
NAMES = ("name", "student", "full name", "student name")
FIRST, LAST = ("first name", "firstname", "given name"), ("last name", "lastname", "surname", "family name")
EMAILS = ("email", "e-mail", "email address", "sis login id", "login", "sid", "id number")


@dataclass(frozen=True)
class Line:
    """Somebody on a roster; `email` is empty where it does not say."""

    name: str
    email: str


def read(text: str) -> list[Line]:
    """The people on a roster, each once. Raises UsageError, which names the line."""
    text = text.lstrip("\ufeff")
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"This is no CSV: {error}.", "Save the roster as CSV from your spreadsheet.") from None
    if not rows:
        raise UsageError("The roster is empty.")
    if len(rows) > MAX_LINES + 1:
        raise UsageError(f"The roster has more than {MAX_LINES} lines.", "Split it.")
    columns = [cell.strip().casefold() for cell in rows[0]]
    name, first, last, email = (_column(columns, words) for words in (NAMES, FIRST, LAST, EMAILS))
    if name is None and last is None:
        raise UsageError(
            "The roster has no column of names.",
            "Its first line names the columns: name, or first name and last name; and email, where there is one.",
        )
    found: dict[tuple[str, str], Line] = {}
    for number, row in enumerate(rows[1:], 2):
        cell = dict(enumerate(row))
        parts = [cell.get(at, "") for at in ((name,) if name is not None else (first, last)) if at is not None]
        written = " ".join(part.strip() for part in parts).strip()
        # Canvas has a line for the points, and one for a student of its own.
        if not written or written in ("Points Possible", "Student, Test"):
            continue
        try:
            line = Line(name_of(written), one_line(cell.get(-1 if email is None else email, "").strip(), MAX_EMAIL))
        except UsageError as error:
            raise UsageError(f"Line {number} of the roster: {error.message}") from None
        found[("", line.email.casefold()) if line.email else (line.name, "")] = line
    if not found:
        raise UsageError("Nobody is on the roster.")
    return list(found.values())


def _column(columns: list[str], words: tuple[str, ...]) -> int | None:
    return next((columns.index(word) for word in words if word in columns), None)

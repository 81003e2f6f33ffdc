"""What people are called: cleaned, of a length, with something in it."""

from __future__ import annotations

from grader.errors import UsageError
from grader.text import one_line

MAX_NAME = 80
MAX_NICKNAME = 24


def name_of(text: str) -> str:
    """A person's name as it is kept. Raises UsageError where nothing is left of it."""
    return _named(text, MAX_NAME, "A name")


def nickname_of(text: str) -> str:
    """A nickname as it is kept. Raises UsageError where nothing is left of it."""
    return _named(text, MAX_NICKNAME, "A nickname")


def _named(text: str, limit: int, what: str) -> str:
    line = one_line(text, limit)
    if not any(char.isalnum() for char in line):
        raise UsageError(f"{what} has a letter or a digit in it.")
    return line

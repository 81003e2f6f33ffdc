"""Takes typed values out of a TOML table; complaints name the file, the key and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

import tomli

from grader.errors import CourseError

ID = re.compile(r"[a-z0-9_]+/[a-z0-9_]+")
NAME = re.compile(r"[a-z0-9_]+")

_MISSING = object()
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    list: "a list",
    dict: "a table",
}


def load_toml(path: Path) -> dict[str, Any]:
    """The document at `path`. Raises CourseError where it is missing, unreadable or no TOML."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CourseError(str(path), "there is no such file", "Write it, or name the right folder.") from None
    except OSError as error:
        raise CourseError(str(path), f"cannot be read: {error.strerror}", "Make it a readable file.") from None
    try:
        return tomli.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CourseError(str(path), f"line {line} is not UTF-8", "Save the file as UTF-8.") from None
    except tomli.TOMLDecodeError as error:
        raise CourseError(str(path), f"no valid TOML: {error}", "Correct the file at that place.") from None
    except (ValueError, RecursionError):
        # More digits than Python converts, a date that is none, tables nested beyond the parser's depth.
        raise CourseError(
            str(path),
            "holds a number, a date or a nesting beyond what can be read",
            "Write it in plain values.",
        ) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """`Did you mean "...?" ` for the known word most like `word`, or nothing."""
    import difflib  # only where something is wrong already

    close = difflib.get_close_matches(word, list(known), n=1)
    return f'Did you mean "{close[0]}"? ' if close else ""


class Table:
    """One table of a document. Take its keys, then call `done`, which complains of keys nobody took."""

    def __init__(self, path: Path, prefix: str, values: dict[str, Any]) -> None:
        self._path = path
        self._prefix = prefix
        self._values = values
        self._taken: set[str] = set()

    def fail(self, key: str, problem: str, remedy: str) -> NoReturn:
        """Raise the CourseError for `key`."""
        raise CourseError(f"{self._path}: {self._prefix}{key}", problem, remedy)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; not blank where there is no default."""
        value: str = self._take(key, str, default)
        if default is None and not value.strip():
            self.fail(key, "is empty", f'Write `{key} = "..."`.')
        return value

    def number(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        value: int = self._take(key, int, default)
        if not low <= value <= high:
            self.fail(key, f"is {_brief(value)}", f"Write a whole number from {low} to {high}.")
        return value

    def seconds(self, key: str, default: float, high: float) -> float:
        """A time above 0 and up to `high`."""
        value = self._take(key, float, default)
        if not 0 < value <= high:  # also false for NaN
            self.fail(key, f"is {_brief(value)}", f"Write seconds above 0 and up to {high:g}.")
        return float(value)

    def flag(self, key: str) -> bool:
        """True or false; false where it is left out."""
        value: bool = self._take(key, bool, False)
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        value: str = self._take(key, str, default)
        if value not in choices:
            self.fail(key, f"is {_brief(value)}", f"{nearest(value, choices)}Write one of: {', '.join(choices)}.")
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts that are not blank."""
        values = self._take(key, list, None if required else [])
        for i, value in enumerate(values, start=1):
            if not isinstance(value, str) or not value.strip():
                self.fail(key, f"item {i} is {_kind(value)}", "Write a list of texts in quotes, none empty.")
        return tuple(values)

    def mapping(self, key: str) -> dict[str, str]:
        """A table of texts."""
        values = self._take(key, dict, {})
        for name, value in values.items():
            if not isinstance(value, str) or not value.strip():
                self.fail(f"{key}.{name}", f"is {_kind(value)}", "Write a text in quotes.")
        return dict(values)

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """A table of lists of texts."""
        inner = self.table(key)
        return {name: inner.texts(name) for name in inner.names()}

    def table(self, key: str) -> Table:
        """A table within, empty where it is left out."""
        return Table(self._path, f"{self._prefix}{key}.", self._take(key, dict, {}))

    def tables(self, key: str, label: str = "name") -> list[Table]:
        """A list of tables; complaints call each by its number and its `label`."""
        found = []
        for i, value in enumerate(self._take(key, list, []), start=1):
            if not isinstance(value, dict):
                self.fail(key, f"item {i} is {_kind(value)}", f"Write each as a table: `[[{key}]]`.")
            called = value.get(label)
            name = f" ({called[:80]})" if isinstance(called, str) and called else ""
            found.append(Table(self._path, f"{self._prefix}{key} {i}{name}: ", value))
        return found

    def names(self) -> list[str]:
        """The keys there are."""
        return list(self._values)

    def done(self) -> None:
        """Raise CourseError where a key was not taken."""
        for key in self._values:
            if key not in self._taken:
                known = sorted(self._taken)
                self.fail(key, "is no key here", f"{nearest(key, known)}Known are: {', '.join(known)}.")

    def _take(self, key: str, kind: type, default: Any) -> Any:
        self._taken.add(key)
        value = self._values.get(key, _MISSING)
        if value is _MISSING:
            if default is None:
                self.fail(key, "is missing", f"Add `{key} = ...`, {_KINDS[kind]}.")
            return default
        # bool is an int to isinstance, and a whole number does for a number.
        right = type(value) is kind or (kind is float and type(value) is int)
        if not right:
            self.fail(key, f"is {_kind(value)}", f"Write {_KINDS[kind]}.")
        return value


def _kind(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        return "an empty text"
    return _KINDS.get(type(value), "a date or time")


def _brief(value: Any) -> str:
    # Python refuses to print an int of more than 4,300 digits; TOML's hexadecimal can hold one.
    if isinstance(value, int) and abs(value) > 10**20:
        return "a very large number"
    return repr(value)[:80]

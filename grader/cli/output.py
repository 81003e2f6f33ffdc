"""Rich output: how a console is made, and text printed on it.

Colours and progress bars appear on a terminal only, NO_COLOR is honoured (Rich does both); markup is off everywhere, since
what we print is half learner text. Commands that must start at once use `grader.cli.plain` and not this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.status import Status
from rich.text import Text

from grader.cli.plain import can_show, print_json, print_json_line, shown_marks, shown_path
from grader.curves import BLOCKS, Drawing, sparkline, words
from grader.model import Curve, Point, Step
from grader.text import clean, one_line

__all__ = [
    "data", "drawn", "labelled", "make_console", "print_json", "print_json_line", "print_notices", "print_text",
    "shown_marks", "shown_path", "waiting",
]  # fmt: skip


class PlainConsole(Console):
    """A console that leaves a broken pipe to `main`, where Rich would make exit code 1 ("not passed") of it."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is: no markup, no emoji codes, no highlighting."""
    return PlainConsole(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)


def data(text: str, style: str = "") -> Text:
    """Learner text, or any text that was not written by us, made safe to print."""
    return Text(clean(text), style=style)


def labelled(label: str, style: str, text: str) -> Text:
    """Our words in a style, then text that is data."""
    return Text().append(label, style=style).append(clean(text))


def print_text(console: Console, text: Text, indent: int = 0) -> None:
    """Print `text` wrapped and indented, with no spaces at the ends of lines (a pipe would keep them)."""
    for line in text.wrap(console, max(console.width - indent, 20), overflow="fold"):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line) if line else "", no_wrap=True, overflow="ignore", crop=False)


def print_notices(console: Console, notices: Iterable[str]) -> None:
    """What the learner should know about their workspace: a newer course, a database that cannot be written."""
    for notice in notices:
        print_text(console, data(notice, "yellow"))


class Waiting:
    """What moves on the terminal while a grading runs: the newest point of a curve that it draws."""

    def __init__(self, what: str, status: Status | None = None) -> None:
        self._what, self._status = what, status
        self._drawing = Drawing()

    def hear(self, step: Step) -> None:
        """A check has ended, or a point has come."""
        if self._status is not None and isinstance(step, Point):
            curve = self._drawing.add(step)
            self._status.update(Text(f"{self._what} ...  ").append_text(drawn(self._status.console, curve)))


def drawn(console: Console, curve: Curve, width: int = 24) -> Text:
    """A curve in a line: where it came from and where it is, and its looks where the console can show them."""
    told = Text(one_line(words(curve)))
    if can_show(console.encoding, BLOCKS):
        told.append("  ").append(sparkline(curve.y, width), style="cyan")
    return told


@contextlib.contextmanager
def waiting(what: str, *, quiet: bool = False) -> Iterator[Waiting]:
    """Something moving on the terminal while the work is done; nothing where no one is looking."""
    console = make_console(stderr=True)
    if quiet or not console.is_terminal:
        yield Waiting(what)
        return
    with console.status(Text(f"{clean(what)} ...")) as status:
        yield Waiting(clean(what), status)

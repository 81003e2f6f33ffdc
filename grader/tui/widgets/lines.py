"""Lines that are drawn anew for the width there is: bars of shares, and what each exercise has cost. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from grader.statistics import Effort, Share
from grader.text import one_line
from grader.tui.widgets.calendar import QUIET, count

FULL, EMPTY, MARK = "━", "─", "┿"
LONGEST_NAME, LONGEST_BAR = 40, 40
ROOM_FOR_POINTS = 60


class Lines(Widget):
    """What `draw` gives for a width in cells, as many lines as there are."""

    DEFAULT_CSS = """
    Lines { height: auto; }
    """

    def __init__(self, draw: Callable[[int], list[Content]], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw = draw

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many rows as lines."""
        return len(self._draw(width))

    def render(self) -> Content:
        """The lines."""
        width = self.content_size.width
        return Content("\n").join(line.truncate(width, ellipsis=True) for line in self._draw(width))


def share_lines(shares: Sequence[Share], width: int) -> list[Content]:
    """A bar for each share, and its numbers; a bar is full only where all is passed."""
    if not shares:
        return []
    numbers = _right([f"{share.passed} of {share.total}" for share in shares])
    if width >= ROOM_FOR_POINTS:
        points = _right([f"{share.points} of {share.points_total} points" for share in shares])
        numbers = [f"{done}  {earned:>16}" for done, earned in zip(numbers, points, strict=True)]
    longest = len(numbers[0])
    names, bar = _columns([share.title for share in shares], width - longest - 4)
    lines = []
    for share, name, number in zip(shares, names, numbers, strict=True):
        filled = bar * share.passed // share.total if share.total else 0
        if share.passed and not filled:
            filled = min(1, bar)
        done = share.total > 0 and share.passed == share.total
        lines.append(
            Content.assemble(
                ("✓ " if done else "  ", "$text-success"), name, "  ",
                (FULL * filled, "$success"), (EMPTY * (bar - filled), "$foreground 25%"), "  ", number,
            )
        )  # fmt: skip
    return lines


def effort_lines(efforts: Iterable[Effort], titles: Mapping[str, str], width: int) -> list[Content]:
    """A line for each exercise that was worked on, its minutes against those expected: the mark in the middle of the bar."""
    begun = [each for each in efforts if each.attempts or each.hints]
    if not begun:
        return []
    tries = [count(each.attempts, "attempt") if each.attempts else "not tried yet" for each in begun]
    times = [_time(each) for each in begun]
    helps = [_helps(each) for each in begun]
    widest = [max(map(len, column)) for column in (tries, times, helps)]
    rest = width - 2 - sum(wide + 2 for wide in widest)
    names, bar = _columns([titles.get(each.exercise, each.title) for each in begun], rest, longest_bar=25)
    # The mark of the expected time has a cell of its own.
    bar -= 1 - bar % 2
    lines = []
    for each, name, attempts, time, helped in zip(begun, names, tries, times, helps, strict=True):
        parts: list[str | tuple[str, str]] = [
            ("✓ " if each.passed_on else "✗ " if each.attempts else "· ", _style(each)),
            name, "  ", attempts.rjust(widest[0]), "  ", time.rjust(widest[1]),
        ]  # fmt: skip
        if bar > 4:
            parts += ["  ", *_gauge(each, bar)]
        lines.append(Content.assemble(*parts, "  ", (helped, QUIET)))
    return lines


def _style(effort: Effort) -> str:
    return "$text-success" if effort.passed_on else "$text-error" if effort.attempts else QUIET


def _gauge(effort: Effort, bar: int) -> list[tuple[str, str]]:
    """A bar that is half full at the expected time and full at twice that, or more."""
    share = effort.seconds / 60 / (2 * effort.expected_minutes) if effort.expected_minutes else 0.0
    filled = min(bar, round(bar * share))
    if effort.seconds > 0:
        filled = max(1, filled)
    cells = FULL * filled + EMPTY * (bar - filled)
    half = bar // 2
    colour = "$warning" if filled > half + 1 else "$primary"
    return [
        (cells[:half][:filled], colour), (cells[:half][filled:], "$foreground 25%"),
        (MARK if filled > half else "┼", QUIET),
        (cells[half + 1 : max(filled, half + 1)], colour), (cells[max(filled, half + 1) :], "$foreground 25%"),
    ]  # fmt: skip


def _time(effort: Effort) -> str:
    expected = f"{effort.expected_minutes} min"
    if not effort.attempts:
        return f"of {expected}"
    if effort.attempts == 1:
        # Before the first save nothing is known.
        return f"? of {expected}"
    return f"{'<1' if effort.seconds < 60 else round(effort.seconds / 60)} of {expected}"


def _helps(effort: Effort) -> str:
    parts = [count(effort.hints, "hint")] if effort.hints else []
    return ", ".join([*parts, *(["solution seen"] if effort.assisted else [])])


def _right(texts: list[str]) -> list[str]:
    """Set flush right."""
    widest = max(map(len, texts))
    return [text.rjust(widest) for text in texts]


def _columns(names: Iterable[str], room: int, longest_bar: int = LONGEST_BAR) -> tuple[list[str], int]:
    """The names, all of one width, and how long a bar can be beside them."""
    safe = [one_line(name) for name in names]
    wide = min(LONGEST_NAME, max(map(cell_len, safe), default=0))
    # A name is cut before a bar gets too short to read.
    wide = max(8, min(wide, room - 2 - 12))
    return [fit(name, wide) for name in safe], max(0, min(longest_bar, room - 2 - wide))


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` cells, cut with an ellipsis where it is longer."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"

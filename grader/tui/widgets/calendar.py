"""The activity calendar: a column a week, a row a weekday, and the day under the cursor told in a sentence.

How busy a day was is a bar's height besides a colour, so that it reads without colours too. Counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import chain, pairwise
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from grader.statistics import BUSY, Day

MARKS = "·▂▄▆█"
STYLES = ("$foreground 40%", "$success 60%", "$success 75%", "$success 90%", "$success")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What stands left of the weeks, and above the weekdays.
LEFT, ABOVE = 5, 1
# Months, seven weekdays, nothing, the legend, nothing, the sentence.
HEIGHT = ABOVE + 7 + 1 + 1 + 1 + 1
QUIET = "$foreground 65%"


class Calendar(Widget, can_focus=True):
    """Weeks of days, each from a Monday on; the last may end early, with today."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-7)", "A week back", show=False, id="calendar-left"),
        Binding("right,l", "move(7)", "A week on", show=False, id="calendar-right"),
        Binding("up,k", "move(-1)", "The day before", show=False, id="calendar-up"),
        Binding("down,j", "move(1)", "The day after", show=False, id="calendar-down"),
        Binding("home", "edge(False)", "The first day", show=False, id="calendar-home"),
        Binding("end", "edge(True)", "Today", show=False, id="calendar-end"),
    ]
    DEFAULT_CSS = """
    Calendar { height: auto; }
    """
    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor is on another day."""

    def __init__(self, weeks: Sequence[Sequence[Day]], today: date, *, id: str | None = None) -> None:
        """`weeks` has at least one day; the cursor begins at the last one."""
        super().__init__(id=id)
        self._weeks = [tuple(week) for week in weeks]
        self._days = tuple(chain.from_iterable(self._weeks))
        self._today = today
        self.set_reactive(Calendar.cursor, len(self._days) - 1)

    @property
    def day(self) -> Day:
        """The day under the cursor."""
        return self._days[self.cursor]

    def validate_cursor(self, at: int) -> int:
        """Stay among the days."""
        return max(0, min(at, len(self._days) - 1))

    def watch_cursor(self) -> None:
        """Tell whoever shows more of a day."""
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """So many days on; a step out of the calendar is none."""
        if 0 <= self.cursor + by < len(self._days):
            self.cursor += by

    def action_edge(self, last: bool) -> None:
        """To the first day or to today."""
        self.cursor = len(self._days) - 1 if last else 0

    def on_click(self, event: events.Click) -> None:
        """The day that was clicked."""
        offset = event.get_content_offset(self)
        if offset is None or not 0 <= offset.y - ABOVE < 7:
            return
        width, weekday = self.content_size.width, offset.y - ABOVE
        week = (offset.x - LEFT) // self._wide(width) + self._skip(width)
        if offset.x >= LEFT and week < len(self._weeks) and weekday < len(self._weeks[week]):
            self.cursor = week * 7 + weekday

    # -- drawing -----------------------------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Always the same: a longer sentence moves nothing."""
        return HEIGHT

    def render(self) -> Content:
        """The months, the weekdays with their days, the legend, the sentence."""
        width = self.content_size.width
        wide = self._wide(width)
        skip = self._skip(width)
        lines = [Content.styled(" " * LEFT + _months(self._weeks[skip:], wide), QUIET)]
        lines += [self._row(weekday, name, skip, wide) for weekday, name in enumerate(WEEKDAYS)]
        lines += [Content(""), _legend(width), Content(""), Content.styled(sentence(self.day, self._today), "bold")]
        return Content("\n").join(line.truncate(width) for line in lines)

    def _wide(self, width: int) -> int:
        """How many cells a week takes."""
        return max(1, min(3, (width - LEFT) // max(1, len(self._weeks))))

    def _skip(self, width: int) -> int:
        """How many weeks do not fit: the oldest."""
        return max(0, len(self._weeks) - max(1, (width - LEFT) // self._wide(width)))

    def _row(self, weekday: int, name: str, skip: int, wide: int) -> Content:
        parts: list[str | tuple[str, str]] = [(name.ljust(LEFT), QUIET)]
        for number, week in enumerate(self._weeks[skip:], start=skip):
            if weekday >= len(week):
                continue
            level = week[weekday].level
            under = number * 7 + weekday == self.cursor
            style = STYLES[level]
            if under:
                style = "$block-cursor-foreground on $block-cursor-background" if self.has_focus else "reverse"
            mark = MARKS[level] * (max(1, wide - 1) if level else 1)
            parts += [(mark, style), " " * (wide - len(mark))]
        return Content.assemble(*parts)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The cursor shows whether the keys move it."""
        super().watch_has_focus(_has_focus)
        self.refresh()


def sentence(day: Day, today: date) -> str:
    """What was done on a day, in words."""
    attempts = day.graded - day.reviews
    parts = []
    if attempts:
        passes = f", {day.passes} of them passed" if day.passes else ", none of them passed"
        parts.append(f"{count(attempts, 'attempt')}{passes if attempts > 1 else ', passed' * bool(day.passes)}")
    if day.reviews:
        parts.append(count(day.reviews, "review"))
    return f"{day_name(day.date, today)}: {' and '.join(parts) or 'nothing was graded'}."


def day_name(day: date, today: date) -> str:
    """A day as one says it: "Today, Wed 4 Mar", "Tue 3 Mar", "Wed 31 Dec 2025"."""
    name = f"{WEEKDAYS[day.weekday()]} {short_date(day, today)}"
    return f"Today, {name}" if day == today else name


def short_date(day: date, today: date) -> str:
    """ "3 Mar", with its year where that is another one than today's."""
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if day.year != today.year else "")


def count(number: int, thing: str) -> str:
    """ "1 day", "2 days"."""
    return f"{number} {thing}{'s' * (number != 1)}"


def _months(weeks: Sequence[Sequence[Day]], wide: int) -> str:
    """The name of a month above the first week that begins in it, where there is room."""
    line, before = "", 0
    for place, week in enumerate(weeks):
        month, start = week[0].date.month, place * wide
        if month != before and (not line or start > len(line)):
            line = line.ljust(start) + MONTHS[month - 1]
        before = month
    return line


def _legend(width: int) -> Content:
    """What the marks mean, closer together where there is less room."""
    ends = [f"{least} to {more - 1}" if more - least > 1 else str(least) for least, more in pairwise(BUSY)]
    meanings = ["none", *ends, f"{BUSY[-1]} or more"]
    gap = " " * (3 if LEFT + sum(len(meaning) + 5 for meaning in meanings) <= width + 3 else 1)
    parts: list[str | tuple[str, str]] = [" " * LEFT]
    for mark, style, meaning in zip(MARKS, STYLES, meanings, strict=True):
        parts += [(mark, style), (f" {meaning}{gap}", QUIET)]
    return Content.assemble(*parts)

"""The passes over time as a line, drawn with plotext in the colours of the app's theme. Says nothing in words.

Imports plotext, so it is imported by a screen that is itself imported only when it is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from textual.app import RenderResult
from textual.color import Color
from textual_plotext import PlotextPlot

from grader.statistics import Milestone
from grader.tui.widgets.calendar import short_date

# Cells that one date below the line takes, and rows between two numbers at its left.
DATE_CELLS, NUMBER_ROWS = 14, 3
# Of a long course the top is out of sight at first: the line begins with room for this many.
LEAST_TOP = 5


class ProgressPlot(PlotextPlot):
    """A staircase from the day before the first pass to today. `total` is how many there are to pass."""

    def __init__(self, timeline: Sequence[Milestone], total: int, today: date, *, id: str | None = None) -> None:
        """`timeline` has at least one milestone, none of them after `today`."""
        super().__init__(id=id)
        # Nothing of its own: what is behind the widget and the widget's text colour, in every theme.
        self.theme = "textual-clear"
        self._timeline, self._total, self._today = tuple(timeline), total, today

    def render(self) -> RenderResult:
        """Set for the present size and theme, and drawn."""
        plot, start = self.plt, self._timeline[0].date - timedelta(days=1)
        days, passed = staircase(self._timeline, start, self._today)
        top = upper(passed[-1], self._total)
        last = days[-1]
        plot.clear_figure()
        plot.plot(days, passed, color=self._colour(), marker="braille", fillx=True)
        plot.xlim(0, last)
        plot.ylim(0, top)
        ticks = spread(last, max(2, self.size.width // DATE_CELLS))
        plot.xticks(ticks, [short_date(start + timedelta(days=tick), self._today) for tick in ticks])
        plot.yticks(spread(top, max(2, self.size.height // NUMBER_ROWS)))
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        return super().render()

    def _colour(self) -> tuple[int, int, int] | str:
        """The theme's colour for what is good; a theme of the terminal's own colours has a name for it only."""
        colour = Color.parse(self.app.theme_variables["success"])
        return colour.rgb if colour.ansi is None else "green"


def staircase(timeline: Sequence[Milestone], start: date, today: date) -> tuple[list[int], list[int]]:
    """The corners of the staircase: days since `start`, and how many were passed; the last corner is today's."""
    days, passed, before = [0], [0], 0
    for each in timeline:
        day = (each.date - start).days
        days += [day, day]
        passed += [before, each.passed]
        before = each.passed
    return [*days, (today - start).days], [*passed, before]


def upper(passed: int, total: int) -> int:
    """The number at the top: all there is, once a third of it is passed; before that twice what is passed."""
    return total if passed * 3 >= total else min(total, max(LEAST_TOP, passed * 2))


def spread(last: int, most: int) -> list[int]:
    """At most `most` whole numbers from 0 to `last`, evenly apart but for the last; never fewer than both ends."""
    if last <= 0:
        return [0]
    step = -(-last // max(1, most - 1))
    numbers = [*range(0, last, step), last]
    # Two names at the end would touch.
    if len(numbers) > 2 and numbers[-1] - numbers[-2] < step * 2 / 3:
        del numbers[-2]
    return numbers

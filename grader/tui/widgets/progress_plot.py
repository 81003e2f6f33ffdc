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
SOFT = 0.6


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
        plot.plot(days, passed, color=self._colour(), marker="hd", fillx=True)
        plot.xlim(0, last)
        plot.ylim(0, top)
        ticks = dates(last, max(2, self.size.width // DATE_CELLS))
        plot.xticks(
            [float(tick) for tick in ticks], [short_date(start + timedelta(days=tick), self._today) for tick in ticks]
        )
        counts = numbers(top, max(2, self.size.height // NUMBER_ROWS))
        plot.yticks([float(number) for number in counts], [str(number) for number in counts])
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        return super().render()

    def _colour(self) -> tuple[int, int, int] | str:
        """The theme's colour for what is good; a theme of the terminal's own colours has a name for it only."""
        colour = Color.parse(self.app.theme_variables["success"])
        # An area of the full colour would be the loudest thing on the page.
        return self.background_colors[1].blend(colour, SOFT).rgb if colour.ansi is None else "green"


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


def dates(last: int, most: int) -> list[int]:
    """At most `most` days from 0 to `last`, evenly apart."""
    gaps = max(1, min(last, most - 1))
    return sorted({round(last * number / gaps) for number in range(gaps + 1)})


def numbers(top: int, most: int) -> list[int]:
    """About `most` round numbers from 0 on, and `top`."""
    steps = (digit * 10**power for power in range(9) for digit in (1, 2, 5))
    step = next(step for step in steps if step * most >= top)
    found = [*range(0, top, step), top]
    # Two at the end would touch.
    if len(found) > 2 and (found[-1] - found[-2]) * 2 <= step:
        del found[-2]
    return found

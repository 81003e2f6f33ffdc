"""A curve that a check drew, such as a loss that falls: told in a line and plotted with plotext in the theme's colour.

Imports plotext, which takes its time, so it is imported where the first curve is to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult, RenderResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from grader.curves import words
from grader.model import Curve
from grader.text import one_line

NUMBER_ROWS = 3
# A learner's code says what the values are; larger ones would overflow on their way to a cell of the screen.
LARGEST = 1e100


class CurvePlot(Vertical):
    """One curve. `show` puts a longer one, or another, in its place."""

    DEFAULT_CSS = """
    CurvePlot {
        height: auto;
        margin: 1 0 0 0;
        .curve-words { color: $text-muted; }
        _Plot { height: 9; }
    }
    """

    def __init__(self, curve: Curve) -> None:
        super().__init__()
        self._words = Static(_told(curve), classes="curve-words", markup=False)
        self._plot = _Plot(curve)

    def compose(self) -> ComposeResult:
        yield self._words
        yield self._plot

    @property
    def curve(self) -> Curve:
        """What it shows."""
        return self._plot.curve

    def show(self, curve: Curve) -> None:
        """Show this one."""
        if curve != self._plot.curve:
            self._words.update(_told(curve))
            self._plot.curve = curve
            self._plot.refresh()


class _Plot(PlotextPlot):
    """The line alone, from the lowest value to the highest."""

    def __init__(self, curve: Curve) -> None:
        super().__init__()
        # Nothing of its own: what is behind the widget and the widget's text colour, in every theme.
        self.theme = "textual-clear"
        self.curve = curve

    def render(self) -> RenderResult:
        """Set for the present size and theme, and drawn."""
        plot = self.plt
        x, y = ([min(max(value, -LARGEST), LARGEST) for value in values] for values in (self.curve.x, self.curve.y))
        plot.clear_figure()
        plot.plot(x, y, color=self._colour(), marker="hd")
        low, high = bounds(y)
        plot.ylim(low, high)
        count = max(2, self.size.height // NUMBER_ROWS)
        ticks = [low + (high - low) * number / (count - 1) for number in range(count)]
        plot.yticks(ticks, [f"{tick:.3g}" for tick in ticks])
        ends = sorted({min(x), max(x)})
        plot.xlim(*bounds(ends))
        plot.xticks(ends, [f"{end:.6g}" for end in ends])
        plot.xaxes(True, False)
        plot.yaxes(True, False)
        return super().render()

    def _colour(self) -> tuple[int, int, int] | str:
        """The theme's first colour; a theme of the terminal's own colours has a name for it only."""
        colour = Color.parse(self.app.theme_variables["primary"])
        return colour.rgb if colour.ansi is None else "blue"


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest, never the same: a flat line lies in the middle."""
    low, high = min(values), max(values)
    if low < high:
        return low, high
    room = abs(low) / 2 or 1.0
    return low - room, high + room


def _told(curve: Curve) -> Content:
    return Content(one_line(words(curve)))

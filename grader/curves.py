"""Curves that checks draw, gathered point by point, thinned, and told in a line: for all who keep or show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from grader.model import Curve, Point

MAX_POINTS = 512
BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass
class Growing:
    """A curve that grows: its points, thinned by halves as they become too many; the newest is always kept."""

    points: list[tuple[float, float]] = field(default_factory=list)
    stride: int = 1
    seen: int = 0
    newest: tuple[float, float] = (0.0, 0.0)

    def add(self, x: float, y: float) -> None:
        """The next point."""
        if self.seen % self.stride == 0:
            self.points.append((x, y))
            if len(self.points) == MAX_POINTS:
                self.points, self.stride = self.points[::2], self.stride * 2
        self.newest = (x, y)
        self.seen += 1

    def curve(self, name: str) -> Curve:
        """What it is by now; it has a point at least."""
        kept = self.points if self.points[-1] == self.newest else [*self.points, self.newest]
        return Curve(name, *(tuple(values) for values in zip(*kept, strict=True)))


class Drawing:
    """What the running check of a grading has drawn so far, for a face that is told of points."""

    def __init__(self) -> None:
        self.check, self.title = "", ""
        self._lines: dict[str, Growing] = {}

    def add(self, point: Point) -> Curve:
        """One more point; those of an earlier check are gone. Returns the curve it belongs to."""
        if point.check != self.check:
            self.check, self.title, self._lines = point.check, point.title, {}
        line = self._lines.setdefault(point.curve, Growing())
        line.add(point.x, point.y)
        return line.curve(point.curve)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """All of them, in the order in which they began."""
        return tuple(line.curve(name) for name, line in self._lines.items())


def words(curve: Curve) -> str:
    """Where it began, where it is, and how far it has come: "loss from 4.17 to 1.93, at 400"."""
    first, newest = curve.y[0], curve.y[-1]
    values = f"{newest:.4g}" if len(curve.y) == 1 else f"from {first:.4g} to {newest:.4g}"
    return f"{curve.name} {values}, at {curve.x[-1]:.6g}"


def sparkline(values: Sequence[float], width: int) -> str:
    """At most `width` blocks, each as high as the mean of its share of the finite `values`; a flat curve is in the middle."""
    count = min(width, len(values))
    edges = [len(values) * number // count for number in range(count + 1)]
    # Halved, since the difference of two large numbers may be infinite.
    means = [_mean(values[start:end]) for start, end in pairwise(edges)]
    low, high = min(means), max(means)
    span = high / 2 - low / 2
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((each / 2 - low / 2) / span * top) if span else top // 2] for each in means)


def _mean(values: Sequence[float]) -> float:
    return sum(value / len(values) for value in values)

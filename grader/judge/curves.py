"""The curves that checks draw while they run, such as a loss that falls: told live, and kept thinned for the verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from grader.curves import Growing
from grader.model import Curve, Point
from grader.text import one_line

# More than anybody reads; a learner's code may draw as long as its check lasts.
MAX_CURVES = 8
NAME_CHARACTERS = 40
# Seconds between two points told of one curve: an eye wants no more.
APART_S = 0.1


class Curves:
    """The curves of one check after another. `tell` hears of points as they come, not of all where they come fast."""

    def __init__(self, tell: Callable[[Point], None]) -> None:
        self._tell = tell
        self._check: str | None = None
        self._lines: dict[str, Growing] = {}
        self._told_at: dict[str, float] = {}

    def begin(self, check: str) -> None:
        """A check is about to run."""
        self._check, self._lines, self._told_at = check, {}, {}

    def end(self) -> tuple[Curve, ...]:
        """The check has ended: its curves."""
        lines, self._check, self._lines = self._lines, None, {}
        return tuple(line.curve(name) for name, line in lines.items())

    def add(self, check: str, title: str, name: str, x: float, y: float) -> None:
        """A point of a curve of `check`. What is not finite is left out, and what comes when the check is over.

        Raises TypeError or ValueError where `x` or `y` is no number.
        """
        point = (float(x), float(y))
        name = one_line(str(name), NAME_CHARACTERS)
        if check != self._check or not all(map(math.isfinite, point)):
            return
        if name not in self._lines and len(self._lines) == MAX_CURVES:
            return
        self._lines.setdefault(name, Growing()).add(*point)
        now = time.monotonic()
        if now - self._told_at.get(name, -math.inf) >= APART_S:
            self._told_at[name] = now
            self._tell(Point(check, title, name, *point))

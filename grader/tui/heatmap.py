"""The cells of a heatmap: which colour and which characters a value has. Knows no widget and no layout.

Colours stay apart for colour-blind eyes (viridis for values; blue, white, orange for differences), and none of them is
needed: without colour a value is a density and a difference a sign. What is not finite has characters of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from grader.grids import Grid, bounds, number, real

Kind = Literal["values", "difference", "equal"]
Mark = Literal["", "worst", "cursor", "both"]
Rgb = tuple[int, int, int]

LEVELS = 33
# Six points of matplotlib's viridis (its colour-blind-safe default), and blue-white-orange after ColorBrewer's PuOr and RdBu.
VIRIDIS: tuple[Rgb, ...] = ((68, 1, 84), (65, 68, 135), (42, 120, 142), (34, 168, 132), (122, 209, 81), (253, 231, 37))
DIVERGING: tuple[Rgb, ...] = ((5, 80, 174), (103, 169, 224), (247, 247, 247), (244, 165, 80), (179, 80, 0))


def _between(points: tuple[Rgb, ...], level: float) -> Rgb:
    at = level * (len(points) - 1)
    i = min(int(at), len(points) - 2)
    part = at - i
    a, b = points[i], points[i + 1]
    red, green, blue = (round(x + (y - x) * part) for x, y in zip(a, b, strict=True))
    return red, green, blue


VIRIDIS_TABLE = tuple(_between(VIRIDIS, n / (LEVELS - 1)) for n in range(LEVELS))
DIVERGING_TABLE = tuple(_between(DIVERGING, n / (LEVELS - 1)) for n in range(LEVELS))
ODD: Rgb = (112, 112, 120)
DENSITY = " ░▒▓█"
SIGNS = "=- +#"
# In a cell of half the height the character says which half it stands in: upper, lower, both.
HALVES = {"nan": "ⁿₙn", "inf": "⁺₊+", "-inf": "⁻₋-", "text": "˙.:", "worst": "◓◒◆", "cursor": "▲▼◈", "both": "▲▼◈"}
# Without colours plus and minus are the signs of differences.
SINGLES = {"nan": "?", "inf": "^", "-inf": "v", "text": ":", "worst": "◆", "cursor": "◈", "both": "◈"}
PAIRS = {"nan": "??", "inf": "+∞", "-inf": "-∞", "text": "::", "worst": "◆◆", "cursor": "[]", "both": "[]"}


@dataclass(frozen=True)
class Scale:
    """What the colours mean: `low` to `high` for values, `-reach` to `reach` for differences.

    `coloured` is False where the terminal has no colours to speak of.
    """

    low: float
    high: float
    reach: float
    coloured: bool
    _styles: dict[tuple[Rgb, Rgb | None], Style] = field(default_factory=dict, repr=False, compare=False)
    # Colour and oddity of a value, worked out once: a large array is drawn again at every move of the cursor.
    _known: dict[tuple[Kind, Any], tuple[Rgb, str]] = field(default_factory=dict, repr=False, compare=False)

    def level(self, kind: Kind, value: Any) -> float | None:
        """Where a value lies from 0 to 1; None where it is not finite."""
        x = real(value)
        if x is None or not math.isfinite(x):
            return None
        # Halved, so that the span of the largest floats is a float as well.
        low, high = (-self.reach, self.reach) if kind == "difference" else (self.low, self.high)
        breadth = high / 2 - low / 2
        return min(max((x / 2 - low / 2) / breadth, 0.0), 1.0) if breadth > 0 else 0.5

    def colour(self, kind: Kind, value: Any) -> Rgb:
        """The colour of a value."""
        return self._look_up(kind, value)[0]

    def _look_up(self, kind: Kind, value: Any) -> tuple[Rgb, str]:
        found = self._known.get((kind, value))
        if found is None:
            found = self._known[kind, value] = self._colour(kind, value), oddity(value)
        return found

    def _colour(self, kind: Kind, value: Any) -> Rgb:
        if kind == "equal":
            return DIVERGING[3] if value is True else DIVERGING[2]
        level = self.level(kind, value)
        if level is None:
            return ODD
        return (DIVERGING_TABLE if kind == "difference" else VIRIDIS_TABLE)[round(level * (LEVELS - 1))]

    def style(self, ink: Rgb, ground: Rgb | None) -> Style:
        """A style of two colours, made once."""
        key = (ink, ground)
        if key not in self._styles:
            back = Color.from_rgb(*ground) if ground is not None else None
            self._styles[key] = Style.from_color(Color.from_rgb(*ink), back)
        return self._styles[key]

    def density(self, kind: Kind, value: Any) -> str:
        """One character for a finite value where there are no colours."""
        if kind == "equal":
            return "≠" if value is True else "·"
        level = self.level(kind, value)
        if kind == "difference":
            x, part = real(value) or 0.0, abs((level if level is not None else 0.5) - 0.5) * 2
            # Nothing but a true zero looks like one.
            return "·" if x == 0 else SIGNS[0 if part >= 0.5 else 1] if x < 0 else SIGNS[4 if part >= 0.5 else 3]
        return DENSITY[min(int((level or 0.0) * len(DENSITY)), len(DENSITY) - 1)]

    # -- cells -------------------------------------------------------------------------------------------------------

    def pair(self, kind: Kind, value: Any, mark: Mark) -> Segment:
        """A cell of two characters."""
        odd = oddity(value)
        known = PAIRS.get(mark or odd)
        if not self.coloured:
            return Segment(known or self.density(kind, value) * 2, Style(bold=True) if mark else None)
        ground = self.colour(kind, value)
        text = known or ("≠ " if kind == "equal" and value is True else "  ")
        return Segment(text, self.style(_contrast(ground), ground))

    def single(self, kind: Kind, value: Any, mark: Mark) -> Segment:
        """A cell of one character, for where there are no colours."""
        key = mark or oddity(value)
        return Segment(SINGLES[key] if key else self.density(kind, value), Style(bold=True) if mark else None)

    def halves(self, kind: Kind, upper: tuple[Any, Mark], lower: tuple[Any, Mark] | None) -> Segment:
        """Two cells, one above the other, in one character."""
        top, odd = self._look_up(kind, upper[0])
        keys = [upper[1] or odd, ""]
        if lower is None:
            if keys[0]:
                return Segment(HALVES[keys[0]][0], self.style(_contrast(top), top))
            return Segment("▀", self.style(top, None))
        bottom, odd = self._look_up(kind, lower[0])
        keys[1] = lower[1] or odd
        if not keys[0] and not keys[1]:
            return Segment("▀", self.style(top, bottom))
        # One character holds one of the two: a mark before an oddity, the upper before the lower.
        first = 0 if upper[1] or (keys[0] and not lower[1]) else 1
        both = keys[0] == keys[1]
        ground = (top, bottom)[first]
        return Segment(HALVES[keys[first]][2 if both else first], self.style(_contrast(ground), ground))

    def written(self, kind: Kind, value: Any, mark: Mark, width: int, *, plain: bool) -> Segment:
        """A cell with its number, right-aligned; the worst one in brackets."""
        text = ("≠" if value is True else "=") if kind == "equal" else number(value)
        text = (f"[{text}]" if mark in ("worst", "both") else f"{text} ").rjust(width)
        if plain or not self.coloured:
            return Segment(text, Style(reverse=mark in ("cursor", "both"), bold=bool(mark)))
        ground = self.colour(kind, value)
        style = self.style(_contrast(ground), ground)
        return Segment(text, style + Style(bold=True, underline=mark in ("cursor", "both")) if mark else style)

    def bar(self, kind: Kind, width: int) -> Iterator[Segment]:
        """The scale itself, from its low end to its high one."""
        low, high = (-self.reach, self.reach) if kind == "difference" else (self.low, self.high)
        for i in range(width):
            x = low * (1 - i / (width - 1)) + high * (i / (width - 1))
            if self.coloured:
                ground = self.colour(kind, x)
                yield Segment(" ", self.style(_contrast(ground), ground))
            else:
                yield Segment(self.density(kind, 0.0 if kind == "difference" and i == width // 2 else x))


def scale_of(actual: Grid, expected: Grid, difference: Grid | None, *, coloured: bool) -> Scale:
    """One scale for both sides, and one for what lies between them."""
    low, high = bounds(actual, expected) or (0.0, 0.0)
    ends = bounds(difference) if difference is not None else None
    return Scale(low, high, max(abs(ends[0]), abs(ends[1])) if ends else 0.0, coloured)


def oddity(value: Any) -> str:
    """The name of what is not finite: "nan", "inf", "-inf", or "text" for what is no number; else empty."""
    x = real(value)
    if x is None:
        return "text"
    return "" if math.isfinite(x) else "nan" if x != x else "inf" if x > 0 else "-inf"


def _contrast(ground: Rgb) -> Rgb:
    """Black or white, whichever is legible on `ground` (Rec. 601 luma)."""
    return (0, 0, 0) if 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2] > 128 else (255, 255, 255)

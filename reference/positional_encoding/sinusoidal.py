"""Sinusoidal positional encoding: Vaswani et al., "Attention Is All You Need" (2017), section 3.5."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    """The table of the first `n` positions in `d` columns, sines and cosines interleaved."""
    p = torch.arange(n, dtype=torch.float64)[:, None]
    i = torch.arange((d + 1) // 2, dtype=torch.float64)
    # float64 up to the sine: at p = 100,000 a float32 angle is off by up to 0.004.
    angle = p / base ** (2 * i / d)
    table = torch.empty(n, d, dtype=torch.float64)
    table[:, 0::2] = torch.sin(angle)
    table[:, 1::2] = torch.cos(angle[:, : d // 2])  # an odd d has one cosine less
    return table.float()


# Other right ways.


@alternative("entry by entry, with the math module", of="pe")
def one_by_one(n: int, d: int, base: float = 10000.0) -> Tensor:
    frequencies = [base ** (-2 * (j // 2) / d) for j in range(d)]
    waves = [math.cos if j % 2 else math.sin for j in range(d)]
    rows = [[wave(p * f) for wave, f in zip(waves, frequencies, strict=True)] for p in range(n)]
    return torch.tensor(rows, dtype=torch.float32).reshape(n, d)


@alternative("frequencies by exp and log, sines and cosines stacked and flattened", of="pe")
def stacked(n: int, d: int, base: float = 10000.0) -> Tensor:
    frequency = torch.exp(torch.arange(0, d, 2, dtype=torch.float64) * (-math.log(base) / d))
    angle = torch.outer(torch.arange(n, dtype=torch.float64), frequency)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :d].to(torch.float32)


@alternative("cosines as sines a quarter turn ahead", of="pe")
def quarter_turn(n: int, d: int, base: float = 10000.0) -> Tensor:
    j = torch.arange(d)
    speed = torch.pow(torch.tensor(base, dtype=torch.float64), -(j - j % 2) / torch.tensor(d, dtype=torch.float64))
    return torch.sin(torch.arange(n).double()[:, None] * speed + math.pi / 2 * (j % 2)).float()


# Known mistakes. What they share:


def _angles(n: int, d: int, base: float, first: int = 0) -> Tensor:
    p = torch.arange(first, n + first, dtype=torch.float64)[:, None]
    return p / base ** (2 * _pairs(d) / d)


def _pairs(d: int) -> Tensor:
    return torch.arange((d + 1) // 2, dtype=torch.float64)


def _interleaved(angle: Tensor, d: int) -> Tensor:
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :d].float()


# First, because only the longest table tells them: the judge tries mistakes in this order, for a limited time.
_ROUNDED = (
    "The angles are worked out in float32. Near position 100,000 a float32 is off by up to 0.004, and so is its sine: use "
    "float64 up to the sine and cosine, and make the finished table float32."
)


@mistake(_ROUNDED, of="pe", hint=4)
def float32_divided(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float32)[:, None]
    return _interleaved(p / base ** (2 * _pairs(d).float() / d), d)


@mistake(_ROUNDED, of="pe", hint=4)
def float32_multiplied(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float32)[:, None]
    return _interleaved(p * (1.0 / base ** (2 * _pairs(d).float() / d)), d)


@mistake(
    "All sines come first and all cosines after them. Here they are interleaved: sine and cosine of a pair are neighbours, "
    "columns 2i and 2i + 1.",
    of="pe",
    hint=2,
)
def halves(n, d, base=10000.0):
    angle = _angles(n, d, base)
    return torch.cat((angle.sin(), angle[:, : d // 2].cos()), dim=1).float()


@mistake(
    "The exponent is i/d where it should be 2i/d, with i counting pairs: the clocks slow down only half as much as they should.",
    of="pe",
    hint=3,
)
def exponent_i(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    return _interleaved(p / base ** (_pairs(d) / d), d)


@mistake(
    "The exponent is 4i/d: the 2 was counted twice (an index that already steps by two, times two).",
    of="pe",
    hint=3,
)
def exponent_4i(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    return _interleaved(p / base ** (4 * _pairs(d) / d), d)


@mistake(
    "Every column has a frequency of its own, from its own index j/d. Sine and cosine of a pair share one angle, with the even "
    "number 2i in the exponent for both.",
    of="pe",
    hint=3,
)
def exponent_column(n, d, base=10000.0):
    j = torch.arange(d, dtype=torch.float64)
    angle = torch.arange(n, dtype=torch.float64)[:, None] / base ** (j / d)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos()).float()


@mistake(
    "Sine and cosine of a pair have different frequencies: an index that already steps by two (2i for the sine, 2i + 1 for the "
    "cosine) was doubled again. Both share the angle p / base^(2i/d).",
    of="pe",
    hint=3,
)
def exponent_column_doubled(n, d, base=10000.0):
    j = torch.arange(d, dtype=torch.float64)
    angle = torch.arange(n, dtype=torch.float64)[:, None] / base ** (2 * j / d)
    return torch.where(j % 2 == 0, angle.sin(), angle.cos()).float()


@mistake(
    "All pairs turn at the same speed: the exponent comes to 0 for each of them. An integer division (//) of 2i by d does that; "
    "a true division is needed.",
    of="pe",
    hint=3,
)
def integer_division(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    return _interleaved(p / base ** (2 * _pairs(d) // d), d)


@mistake(
    "The position is multiplied by base^(2i/d) instead of divided: the sign of the exponent is turned round, and every pair is "
    "faster than the one before.",
    of="pe",
    hint=3,
)
def base_upside_down(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    return _interleaved(p * base ** (2 * _pairs(d) / d), d)


@mistake(
    "The frequencies run all the way down to 1/base: the exponent is i / (d/2 - 1), as in some early code. The paper's is 2i/d.",
    of="pe",
    hint=3,
)
def down_to_base(n, d, base=10000.0):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    steps = d / 2 - 1
    return _interleaved(p / base ** (_pairs(d) / (steps or 1.0)), d)


@mistake("Sine and cosine have changed places: the even columns are sines, the odd ones cosines.", of="pe", hint=3)
def cosine_first(n, d, base=10000.0):
    angle = _angles(n, d, base)
    return torch.stack((angle.cos(), angle.sin()), dim=-1).flatten(1)[:, :d].float()


@mistake(
    "The rows take turns (sines for even positions, cosines for odd ones). It is the columns that take turns: every position has "
    "both.",
    of="pe",
    hint=2,
)
def rows_take_turns(n, d, base=10000.0):
    angle = _angles(n, d, base).repeat_interleave(2, dim=1)[:, :d]
    return torch.where(torch.arange(n)[:, None] % 2 == 0, angle.sin(), angle.cos()).float()


@mistake("The first position is taken as 1. Positions count from 0, so the first row is 0, 1, 0, 1, ...", of="pe", hint=2)
def from_one(n, d, base=10000.0):
    return _interleaved(_angles(n, d, base, first=1), d)


@mistake("The base is fixed at 10000, and the argument `base` is not used.", of="pe", hint=3)
def base_ignored(n, d, base=10000.0):
    return _interleaved(_angles(n, d, 10000.0), d)


@mistake(
    "An odd d fails: there is one cosine less than there are sines, so the cosines need one angle less.",
    of="pe",
    hint=2,
)
def even_only(n, d, base=10000.0):
    angle = _angles(n, d, base)
    table = torch.empty(n, d)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle.cos()
    return table


@mistake(
    "An odd d is rounded up before the angles are worked out, so that every frequency is off. The exponent is 2i/d with the d "
    "that was given; only the last cosine is dropped.",
    of="pe",
    hint=2,
)
def odd_rounded_up(n, d, base=10000.0):
    even = d + d % 2
    return _interleaved(_angles(n, even, base), even)[:, :d].contiguous()


@mistake(
    "An odd d ends in a column of zeros: the last pair has no cosine, but its sine belongs into the last column.",
    of="pe",
    hint=2,
)
def odd_last_zero(n, d, base=10000.0):
    table = _interleaved(_angles(n, d, base), d)
    if d % 2:
        table[:, -1] = 0.0
    return table


@mistake("The table is float64. Work in float64 and return float32.", of="pe", hint=4)
def float64_table(n, d, base=10000.0):
    angle = _angles(n, d, base)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1)[:, :d]

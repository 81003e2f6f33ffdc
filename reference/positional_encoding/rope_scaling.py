"""Longer texts with RoPE: Chen et al. (2023), section 2.3, and YaRN (Peng et al., 2023), section 3."""

import math

import torch
from torch import Tensor

from grader.marks import alternative, mistake


def linear(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    """The frequencies of position interpolation."""
    return theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d) / factor


def ntk(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    """The frequencies of the NTK-aware rule."""
    base = theta * factor ** (d / (d - 2))
    return base ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def yarn(d: int, factor: float, length: int, theta: float = 10000.0, fast: float = 32.0, slow: float = 1.0) -> Tensor:
    """The frequencies of YaRN."""
    f = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    r = length * f / (2 * math.pi)
    gamma = ((r - slow) / (fast - slow)).clamp(0, 1)
    return gamma * f + (1 - gamma) * f / factor


def sharpness(factor: float) -> float:
    """How much longer YaRN makes queries and keys."""
    return 0.1 * math.log(factor) + 1


def rotate(x: Tensor, pos: Tensor, frequencies: Tensor, m: float = 1.0) -> Tensor:
    """RoPE with frequencies that are given, and all vectors m times as long."""
    angle = pos[:, None] * frequencies
    cos, sin = (m * angle.cos()).to(x.dtype), (m * angle.sin()).to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


# Other right ways.


@alternative("pair by pair", of="yarn")
def pair_by_pair(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    out = []
    for i in range(d // 2):
        f = theta ** (-2 * i / d)
        rounds = length * f / (2 * math.pi)
        if rounds <= slow:
            out.append(f / factor)
        elif rounds >= fast:
            out.append(f)
        else:
            share = (rounds - slow) / (fast - slow)
            out.append(f * (share + (1 - share) / factor))
    return torch.tensor(out, dtype=torch.float64)


@alternative("each pair slower by s^(2i/(d-2))", of="ntk")
def by_pair(d, factor, theta=10000.0):
    i = torch.arange(d // 2, dtype=torch.float64)
    return torch.exp(-2 * i / d * math.log(theta) - 2 * i / (d - 2) * math.log(factor))


@alternative("complex numbers", of="rotate")
def complex_numbers(x, pos, frequencies, m=1.0):
    z = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
    angle = torch.outer(pos.double(), frequencies)
    turn = torch.polar(torch.full_like(angle, m), angle)
    return torch.view_as_real(z * turn).flatten(-2).to(x.dtype)


# Known mistakes. What they share:


def _plain(d: int, theta: float) -> Tensor:
    return theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def _mixed(f: Tensor, factor: float, gamma: Tensor) -> Tensor:
    return gamma * f + (1 - gamma) * f / factor


def _gamma(f: Tensor, length: float, fast: float, slow: float) -> Tensor:
    return ((length * f / (2 * math.pi) - slow) / (fast - slow)).clamp(0, 1)


def _turned(x: Tensor, angle: Tensor, m: float) -> Tensor:
    cos, sin = (m * angle.cos()).to(x.dtype), (m * angle.sin()).to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


@mistake(
    "`linear` makes the pairs faster: you multiply by the factor, as if positions were stretched. They are squeezed: divide.",
    of="linear",
    hint=3,
)
def multiplied(d, factor, theta=10000.0):
    return _plain(d, theta) * factor


@mistake(
    "`linear` multiplies theta by the factor. That slows each pair differently; here all are slowed alike.",
    of="linear",
    hint=3,
)
def base_multiplied(d, factor, theta=10000.0):
    return _plain(d, theta * factor)


@mistake("`linear` gives RoPE's own frequencies: the factor is not used.", of="linear", hint=1)
def linear_unchanged(d, factor, theta=10000.0):
    return _plain(d, theta)


@mistake(
    "`ntk` multiplies theta by the factor itself. Then the last pair is slowed too little: the factor takes the "
    "power d/(d - 2).",
    of="ntk",
    hint=3,
)
def ntk_without_power(d, factor, theta=10000.0):
    return _plain(d, theta * factor)


@mistake(
    "`ntk` takes the power (d - 2)/d. It is d/(d - 2), so that the last pair is slower by just the factor.",
    of="ntk",
    hint=3,
)
def power_inverted(d, factor, theta=10000.0):
    return _plain(d, theta * factor ** ((d - 2) / d))


@mistake("`ntk` divides theta. A larger base makes pairs slower, a smaller one faster.", of="ntk", hint=3)
def base_divided(d, factor, theta=10000.0):
    return _plain(d, theta / factor ** (d / (d - 2)))


@mistake("`ntk` slows all pairs alike. That is linear; here the first pair keeps its speed.", of="ntk", hint=1)
def ntk_is_linear(d, factor, theta=10000.0):
    return _plain(d, theta) / factor


@mistake(
    "In `yarn` the ramp is turned round: you slow the fast pairs down and leave the slow ones. γ = 1 keeps a pair as it is.",
    of="yarn",
    hint=3,
)
def ramp_inverted(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, 1 - _gamma(f, length, fast, slow))


@mistake("In `yarn` γ leaves the range from 0 to 1. Outside of the ramp it stays at its ends.", of="yarn", hint=3)
def not_clamped(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, (length * f / (2 * math.pi) - slow) / (fast - slow))


@mistake(
    "In `yarn` radians are taken for rounds: a round is 2π of them, so divide by it.", of="yarn", hint=2
)
def radians(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, _gamma(f, length * 2 * math.pi, fast, slow))


@mistake(
    "In `yarn` the rounds are counted over the longer text, factor times as long. What a pair knows it learnt "
    "in training: L tokens.",
    of="yarn",
    hint=2,
)
def longer_text(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, _gamma(f, length * factor, fast, slow))


@mistake(
    "`yarn` has no ramp: a pair is either left alone or slowed wholly. Between slow and fast it is a mixture.",
    of="yarn",
    hint=3,
)
def no_ramp(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, (_gamma(f, length, fast, slow) >= 0.5).double())


@mistake("`yarn` does not use `fast` and `slow`: they are always 32 and 1.", of="yarn", hint=3)
def bounds_ignored(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    return _mixed(f, factor, _gamma(f, length, 32.0, 1.0))


@mistake("`yarn` mixes wavelengths. Mix the frequencies themselves.", of="yarn", hint=3)
def wavelengths_mixed(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = _plain(d, theta)
    gamma = _gamma(f, length, fast, slow)
    return 1 / (gamma / f + (1 - gamma) * factor / f)


@mistake(
    "In `yarn` the ramp is linear in the number of the pair, as in some libraries. Here it is linear in the rounds, as in the "
    "paper.",
    of="yarn",
    hint=3,
)
def ramp_over_index(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    first, last = (d * math.log(length / (2 * math.pi * r)) / (2 * math.log(theta)) for r in (fast, slow))
    ramp = ((torch.arange(d // 2, dtype=torch.float64) - first) / (last - first)).clamp(0, 1)
    return _mixed(_plain(d, theta), factor, 1 - ramp)


@mistake("`sharpness` lacks the 1: with a factor of 1 nothing may change.", of="sharpness", hint=3)
def without_one(factor):
    return 0.1 * math.log(factor)


@mistake("`sharpness` uses a logarithm of base 10. It is the natural one.", of="sharpness", hint=3)
def base_ten(factor):
    return 0.1 * math.log10(factor) + 1


@mistake(
    "`sharpness` gives m², by which scores grow. Queries and keys are made longer by m each.", of="sharpness", hint=3
)
def squared(factor):
    return (0.1 * math.log(factor) + 1) ** 2


@mistake("`sharpness` is always 1: the scores of longer texts stay as soft as they were.", of="sharpness", hint=3)
def never_sharper(factor):
    return 1.0


@mistake("`rotate` does not use m.", of="rotate", hint=4)
def m_ignored(x, pos, frequencies, m=1.0):
    return _turned(x, pos[:, None] * frequencies, 1.0)


@mistake(
    "`rotate` multiplies the angles by m, so positions change. The vectors become longer, not further turned.",
    of="rotate",
    hint=3,
)
def angle_multiplied(x, pos, frequencies, m=1.0):
    return _turned(x, m * pos[:, None] * frequencies, 1.0)


@mistake(
    "`rotate` pairs column i with column i + d/2. Here the pairs are neighbours, 2i and 2i + 1.",
    of="rotate",
    hint=2,
)
def halves(x, pos, frequencies, m=1.0):
    angle = pos[:, None] * frequencies
    cos, sin = (m * angle.cos()).to(x.dtype), (m * angle.sin()).to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


@mistake("`rotate` turns the wrong way, clockwise.", of="rotate", hint=4)
def clockwise(x, pos, frequencies, m=1.0):
    return _turned(x, -pos[:, None] * frequencies, m)


@mistake("`rotate` takes the rows to stand at 0, 1, 2, ... They stand where `pos` says.", of="rotate", hint=2)
def positions_ignored(x, pos, frequencies, m=1.0):
    return _turned(x, torch.arange(len(pos))[:, None] * frequencies, m)


@mistake("`rotate` gives float64 for a float32 x. Convert cosines and sines to the dtype of x.", of="rotate", hint=4)
def float64_result(x, pos, frequencies, m=1.0):
    return _turned(x.double(), pos[:, None] * frequencies, m)

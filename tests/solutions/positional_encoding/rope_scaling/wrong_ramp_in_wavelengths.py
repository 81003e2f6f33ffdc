"""Wrong: YaRN's ramp runs between the same two ends, but is linear in the wavelength and not in the rounds."""

import math

import torch
from torch import Tensor


def own(d: int, theta: float) -> Tensor:
    return float(theta) ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)


def linear(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    return own(d, theta) / factor


def ntk(d: int, factor: float, theta: float = 10000.0) -> Tensor:
    return own(d, theta * factor ** (d / (d - 2)))


def yarn(d: int, factor: float, length: int, theta: float = 10000.0, fast: float = 32.0, slow: float = 1.0) -> Tensor:
    f = own(d, theta)
    wavelength = 2 * math.pi / f
    longest, shortest = length / slow, length / fast
    gamma = ((longest - wavelength) / (longest - shortest)).clamp(0, 1)
    return gamma * f + (1 - gamma) * f / factor


def sharpness(factor: float) -> float:
    return 0.1 * math.log(factor) + 1


def rotate(x: Tensor, pos: Tensor, frequencies: Tensor, m: float = 1.0) -> Tensor:
    phi = pos.double()[:, None] * frequencies
    c, s = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return m * torch.stack((a * c - b * s, a * s + b * c), dim=-1).flatten(-2)

"""Unit complex numbers: each pair is exp(i angle), real and imaginary part exchanged; log space for the frequencies."""

import math

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    pairs = (d + 1) // 2
    w = torch.exp(torch.arange(pairs, dtype=torch.double) * (-2 * math.log(base) / d))
    angle = torch.arange(n, dtype=torch.double)[:, None] * w
    z = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(z).flip(-1).reshape(n, 2 * pairs)[:, :d].to(torch.float32)

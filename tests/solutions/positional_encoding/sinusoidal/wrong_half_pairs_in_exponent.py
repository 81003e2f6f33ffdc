"""The exponent is i over the number of pairs rounded up: the same for even d, another for odd d."""
# says: An odd d is rounded up before the angles are worked out, so that every frequency is off

import math

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    pairs = (d + 1) // 2
    w = torch.exp(torch.arange(pairs, dtype=torch.double) * (-math.log(base) / pairs))
    angle = torch.arange(n, dtype=torch.double)[:, None] * w
    z = torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(z).flip(-1).reshape(n, 2 * pairs)[:, :d].to(torch.float32)

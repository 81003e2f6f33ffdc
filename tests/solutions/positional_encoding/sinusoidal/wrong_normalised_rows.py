"""Rows are divided by the root of d/2, so that each has length 1."""
# says: The examples worked out by hand in the statement come out

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / d))
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return (out / (d / 2) ** 0.5).float()

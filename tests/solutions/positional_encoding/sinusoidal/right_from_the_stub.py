"""All angles at once in float64, their sines and cosines written into every second column."""

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    places = torch.arange(n, dtype=torch.float64)[:, None]
    twice_i = torch.arange(0, d, 2, dtype=torch.float64)
    angle = places * float(base) ** (-twice_i / d)
    table = torch.empty(n, d, dtype=torch.float64)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle[:, : d // 2].cos()
    return table.float()

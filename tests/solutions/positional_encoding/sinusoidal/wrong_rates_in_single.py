"""Wrong: the positions are float64, but the frequencies are worked out in float32 before they meet them."""

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    places = torch.arange(n, dtype=torch.float64)[:, None]
    twice_i = torch.arange(0, d, 2)
    angle = places * (float(base) ** (-twice_i / d)).double()
    table = torch.empty(n, d, dtype=torch.float64)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle[:, : d // 2].cos()
    return table.float()

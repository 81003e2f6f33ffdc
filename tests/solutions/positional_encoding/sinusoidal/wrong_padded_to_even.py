"""An odd d is padded to the next even one, formula included, and the last column cut off."""
# says: An odd d is rounded up before the angles are worked out, so that every frequency is off

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    columns = d
    d = d + d % 2
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / d))
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return out[:, :columns].float()

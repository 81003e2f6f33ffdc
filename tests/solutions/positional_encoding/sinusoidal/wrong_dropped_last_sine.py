"""For an odd d the last column is left zero: only whole pairs are filled."""
# says: An odd d ends in a column of zeros

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d - 1, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / d))
    out = torch.zeros(n, d, dtype=torch.float64)
    out[:, 0 : d - 1 : 2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return out.float()

"""The frequencies run from 1 to 1/base inclusive, as tensor2tensor has them: divided by the last pair's number."""
# says: The frequencies run all the way down to 1/base

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / max(d - 2, 1)))
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return out.float()

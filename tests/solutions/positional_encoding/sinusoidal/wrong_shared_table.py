"""lru_cache hands the same tensor to every caller: who adds to it in place changes the table of all."""
# says: A table that its caller changes does not change the next one

import functools

import torch
from torch import Tensor


@functools.lru_cache
def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / d))
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return out.float()

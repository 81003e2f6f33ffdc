"""The table is kept by shape and used again, whatever the base of the next call."""
# says: The base is honoured, whether it is given by place or by name

import torch
from torch import Tensor

TABLES = {}


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    if (n, d) in TABLES:
        return TABLES[n, d]
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2, dtype=torch.float64)
    angle = torch.outer(p, base ** (-even / d))
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    TABLES[n, d] = out.float()
    return TABLES[n, d]

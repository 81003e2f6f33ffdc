"""The angles are float64, but the frequencies they are made of were rounded to float32 first."""
# says: At 100,000 positions every entry is right to a millionth

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    p = torch.arange(n, dtype=torch.float64)
    even = torch.arange(0, d, 2)
    angle = torch.outer(p, base ** (-even / d).float().double())
    out = torch.empty(n, d, dtype=torch.float64)
    out[:, 0::2] = angle.sin()
    out[:, 1::2] = angle.cos()[:, : d // 2]
    return out.float()

"""Wrong: a cosine column takes its own number, 2i + 1, into the exponent instead of that of its pair."""
# says: Every column has a frequency of its own, from its own index

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    places = torch.arange(n, dtype=torch.float64)[:, None]
    column = torch.arange(d, dtype=torch.float64)
    angle = places * float(base) ** (-column / d)
    table = torch.empty(n, d, dtype=torch.float64)
    table[:, 0::2] = angle[:, 0::2].sin()
    table[:, 1::2] = angle[:, 1::2].cos()
    return table.float()

"""Wrong: for an odd d the exponent is divided by d + 1, the next even number, instead of the d that was given."""
# says: An odd d is rounded up before the angles are worked out, so

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    places = torch.arange(n, dtype=torch.float64)[:, None]
    twice_i = torch.arange(0, d, 2, dtype=torch.float64)
    angle = places * float(base) ** (-twice_i / (d + d % 2))
    table = torch.empty(n, d, dtype=torch.float64)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle[:, : d // 2].cos()
    return table.float()

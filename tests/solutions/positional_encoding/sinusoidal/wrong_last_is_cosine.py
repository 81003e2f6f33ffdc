"""For an odd d the last column is the cosine of the last pair, not the sine."""
# says: The examples worked out by hand in the statement come out

import torch
from torch import Tensor


class Clock:
    def __init__(self, i: int, d: int, base: float) -> None:
        self.period = base ** (2 * i / d)

    def columns(self, positions: Tensor) -> list[Tensor]:
        angle = positions / self.period
        return [torch.sin(angle), torch.cos(angle)]


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    positions = torch.arange(n, dtype=torch.float64)
    columns = []
    for i in range((d + 1) // 2):
        columns += Clock(i, d, base).columns(positions)
    if d % 2:
        del columns[-2]
    return torch.stack(columns[:d], dim=1).float()

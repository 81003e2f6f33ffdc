"""The table is doubled: positions m .. 2m are positions 0 .. m, turned by the rotation of m (angle addition), in complex128."""

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    pairs = (d + 1) // 2
    speed = torch.tensor([base ** (-2 * i / d) for i in range(pairs)], dtype=torch.float64)
    turns = torch.ones(1, pairs, dtype=torch.complex128)
    while len(turns) < n:
        angle = len(turns) * speed
        turns = torch.cat((turns, turns * torch.complex(angle.cos(), angle.sin())))
    columns = torch.stack((turns.imag, turns.real), dim=-1).flatten(1)
    return columns[:n, :d].float()

"""Plain loops over positions and columns with the math module."""

import math

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    table = torch.zeros(n, d)
    for column in range(d):
        i = column // 2
        frequency = base ** (-2 * i / d)
        function = math.sin if column % 2 == 0 else math.cos
        table[:, column] = torch.tensor([function(p * frequency) for p in range(n)])
    return table

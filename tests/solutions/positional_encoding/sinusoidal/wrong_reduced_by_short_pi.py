"""Angles are reduced by 2 * 3.14159265 before the sine, to be kind to it: that pi is too short for far positions."""
# says: At 100,000 positions every entry is right to a millionth

import math

import torch
from torch import Tensor


def pe(n: int, d: int, base: float = 10000.0) -> Tensor:
    table = torch.zeros(n, d)
    for column in range(d):
        i = column // 2
        frequency = base ** (-2 * i / d)
        function = math.sin if column % 2 == 0 else math.cos
        table[:, column] = torch.tensor([function(math.fmod(p * frequency, 2 * 3.14159265)) for p in range(n)])
    return table

"""Class-structured: a frozen grid knows its codes, its scale and its zero point, and encodes and decodes."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    scale: Tensor
    zero_point: Tensor
    q_min: int = 0
    q_max: int = 255
    dtype: torch.dtype = torch.uint8

    @classmethod
    def around(cls, x: Tensor, bits: int, sym: bool) -> "Grid":
        ends = torch.cat((x.reshape(-1), torch.zeros(1, dtype=x.dtype)))
        lo, hi = torch.aminmax(ends)
        if sym:
            hi = torch.maximum(-lo, hi)
            q_max = 2 ** (bits - 1) - 1
            scale = hi / q_max
        else:
            q_max = 2**bits - 1
            scale = (hi - lo) / q_max
        scale = torch.where(scale == 0, torch.ones_like(scale), scale)
        zero_point = torch.zeros_like(scale) if sym else torch.round(-lo / scale)
        return cls(scale, zero_point.int(), -q_max if sym else 0, q_max, torch.int8 if sym else torch.uint8)

    def encode(self, x: Tensor) -> Tensor:
        return ((x / self.scale).round() + self.zero_point).clamp(self.q_min, self.q_max).to(self.dtype)

    def decode(self, q: Tensor) -> Tensor:
        return self.scale * (q.int() - self.zero_point)


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    grid = Grid.around(x, bits, sym)
    return grid.encode(x), grid.scale, grid.zero_point


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return Grid(scale, zero_point).decode(q)

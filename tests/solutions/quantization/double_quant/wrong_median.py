"""Centred by the median."""
# says: The deviations from the mean are quantized to 8 bits, a

import torch
from torch import Tensor


def compress_absmax(absmax: Tensor, outer: int) -> tuple[Tensor, Tensor, Tensor]:
    c_bar = absmax.median()
    d = absmax - c_bar
    m = len(d)
    scale = torch.ones((m + outer - 1) // outer, dtype=d.dtype)
    for b in range(len(scale)):
        top = d[b * outer : (b + 1) * outer].abs().max()
        if top > 0:
            scale[b] = top / 127
    place = torch.arange(m) // outer
    return torch.round(d / scale[place]).to(torch.int8), scale, c_bar


def restore_absmax(q: Tensor, scale: Tensor, mean: Tensor, outer: int) -> Tensor:
    place = torch.arange(len(q)) // outer
    back = mean + scale[place] * q
    return torch.where(back < 0, torch.zeros_like(back), back)


def dequant_double(
    codes: Tensor, q: Tensor, scale: Tensor, mean: Tensor, levels: Tensor, block: int, outer: int
) -> Tensor:
    absmax = restore_absmax(q, scale, mean, outer)
    place = torch.arange(len(codes)) // block
    return absmax[place] * levels.to(scale.dtype)[codes.long()]


def constant_bits(n: int, block: int, outer: int | None) -> int:
    m = -(-n // block)
    if not outer:
        return m * 32
    return m * 8 + (1 + -(-m // outer)) * 32

"""Worked out in float64; only the scale is rounded to the dtype of x, and then used as it is."""

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    wide = x.double()
    low = min(0.0, wide.min().item()) if x.numel() else 0.0
    high = max(0.0, wide.max().item()) if x.numel() else 0.0
    q_max = (1 << bits - sym) - 1
    q_min = -q_max if sym else 0
    span = max(-low, high) if sym else high - low
    scale = torch.tensor(span / q_max if span else 1.0, dtype=x.dtype)
    zero_point = torch.zeros((), dtype=torch.int32)
    if not sym:
        zero_point = torch.round(-low / scale.double()).int()
    q = (wide / scale.double()).round().add(zero_point).clamp(q_min, q_max)
    return q.to(torch.int8 if sym else torch.uint8), scale, zero_point


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return ((q.long() - zero_point.long()).double() * scale.double()).to(scale.dtype)

"""dequant multiplied out, scale q - scale z; quantize through torch.where and bounds from a table."""

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    q_min, q_max, dtype = {
        True: (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1, torch.int8),
        False: (0, 2**bits - 1, torch.uint8),
    }[bool(sym)]
    flat = torch.nn.functional.pad(x.reshape(-1), (0, 1))
    lo, hi = flat.min(), flat.max()
    span = torch.linalg.vector_norm(flat, float("inf")) if sym else hi - lo
    scale = span / q_max
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    zero_point = (torch.zeros_like(lo) if sym else (-lo / scale).round()).to(torch.int32)
    codes = ((x / scale).round().to(torch.int32) + zero_point).clamp(q_min, q_max)
    return codes.to(dtype), scale, zero_point


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return scale * q.to(scale.dtype) - scale * zero_point.to(scale.dtype)

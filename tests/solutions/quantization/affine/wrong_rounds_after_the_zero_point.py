"""Wrong: adds the zero point to x / scale before it rounds, so that half-way cases go to the even code."""
# says: You round after adding the zero point. With an odd zero point

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    zero = torch.zeros((), dtype=x.dtype, device=x.device)
    lo = torch.minimum(x.min(), zero) if x.numel() else zero
    hi = torch.maximum(x.max(), zero) if x.numel() else zero
    if sym:
        q_max = 2 ** (bits - 1) - 1
        q_min, dtype = -q_max, torch.int8
        scale = torch.maximum(-lo, hi) / q_max
    else:
        q_min, q_max, dtype = 0, 2**bits - 1, torch.uint8
        scale = (hi - lo) / q_max
    if lo == hi:
        scale = torch.ones_like(scale)
    zero_point = torch.zeros_like(scale) if sym else torch.round(-lo / scale)
    q = torch.clamp(torch.round(x / scale + zero_point), q_min, q_max)
    return q.to(dtype), scale, zero_point.to(torch.int32)


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    steps = q.to(torch.int32) - zero_point
    return scale * steps.to(scale.dtype)

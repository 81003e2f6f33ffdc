"""NumPy, with np.rint and np.clip."""

import numpy as np
import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    a = x.detach().numpy()
    lo = min(a.min(initial=0), 0)
    hi = max(a.max(initial=0), 0)
    kind = np.int8 if sym else np.uint8
    q_max = 2 ** (bits - 1) - 1 if sym else 2**bits - 1
    q_min = -q_max if sym else 0
    scale = a.dtype.type(max(-lo, hi) if sym else hi - lo) / a.dtype.type(q_max)
    if not scale > 0:
        scale = a.dtype.type(1)
    zero = 0 if sym else int(np.rint(-lo / scale))
    q = np.clip(np.rint(a / scale) + zero, q_min, q_max).astype(kind)
    return (
        torch.from_numpy(np.ascontiguousarray(q).reshape(a.shape)),
        torch.tensor(scale),
        torch.tensor(zero, dtype=torch.int32),
    )


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    return (q.to(scale.dtype) - zero_point.to(scale.dtype)) * scale

"""Plain Python: a list of numbers, round() (which goes to the even integer too), min and max."""

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    values = x.flatten().tolist()
    lo, hi = min([*values, 0.0]), max([*values, 0.0])
    if sym:
        q_max = 2 ** (bits - 1) - 1
        q_min = -q_max
        scale = max(-lo, hi) / q_max
    else:
        q_min, q_max = 0, 2**bits - 1
        scale = (hi - lo) / q_max
    if scale == 0:
        scale = 1.0
    scale = torch.tensor(scale, dtype=x.dtype)
    step = scale.item()
    zero_point = 0 if sym else round(-lo / step)
    codes = [min(max(round(v / step) + zero_point, q_min), q_max) for v in values]
    q = torch.tensor(codes, dtype=torch.int8 if sym else torch.uint8).reshape(x.shape)
    return q, scale, torch.tensor(zero_point, dtype=torch.int32)


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    step, zero = scale.item(), zero_point.item()
    values = [step * (code - zero) for code in q.flatten().tolist()]
    return torch.tensor(values, dtype=scale.dtype).reshape(q.shape)

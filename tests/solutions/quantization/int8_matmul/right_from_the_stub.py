"""Everything as int32 matrices and sums."""

import torch
from torch import Tensor

I32 = torch.int32


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    return xq.to(I32) @ wq.to(I32).T


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    w_sums = wq.sum(dim=1, dtype=I32)
    x_sums = xq.sum(dim=1, dtype=I32)
    if w_zp is None:
        w_zp = torch.zeros_like(w_sums)
    K = xq.shape[1]
    return K * x_zp * w_zp[None, :] - x_zp * w_sums[None, :] - x_sums[:, None] * w_zp[None, :]


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    acc = int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)
    y = acc.to(torch.float32) * (x_scale * w_scale)
    if bias is not None:
        y = y + bias
    return y

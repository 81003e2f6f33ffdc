"""The codes are made real numbers first and multiplied in float32."""
# says: Where large products cancel, int8_mm is as right as the

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    return xq.to(torch.int32) @ wq.to(torch.int32).T


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    K = xq.shape[1]
    terms = -x_zp * wq.sum(1, dtype=torch.int32)
    if w_zp is not None:
        terms = terms + K * x_zp * w_zp - w_zp * xq.sum(1, keepdim=True, dtype=torch.int32)
    return terms.expand(xq.shape[0], wq.shape[0])


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    w = wq.float() if w_zp is None else wq.float() - w_zp[:, None]
    y = (x_scale * (xq.float() - x_zp)) @ (w_scale[:, None] * w).T
    return y if bias is None else y + bias

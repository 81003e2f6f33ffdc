"""Weights are taken for symmetric where the first row's zero point is 0."""
# says: zero_point_terms turns the raw product into Σ (xq -

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    return xq.to(torch.int32) @ wq.to(torch.int32).T


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    K = xq.shape[1]
    terms = -x_zp * wq.sum(1, dtype=torch.int32)
    if w_zp is not None and w_zp[0] != 0:
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
    acc = int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)
    y = acc.float() * x_scale * w_scale
    return y if bias is None else y + bias

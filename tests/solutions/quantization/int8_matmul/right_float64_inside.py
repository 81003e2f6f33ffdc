"""Products of codes in float64, which counts exactly up to 2^53; the terms as a difference of two such products."""

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    return torch.nn.functional.linear(xq.double(), wq.double()).to(torch.int32)


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    x = xq.double() - x_zp
    w = wq.double()
    if w_zp is not None:
        w = w - w_zp[:, None]
    return (x @ w.T).to(torch.int32) - int_mm(xq, wq)


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    acc = (int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)).double()
    y = acc * w_scale.double() * x_scale.double()
    if bias is not None:
        y += bias.double()
    return y.float()

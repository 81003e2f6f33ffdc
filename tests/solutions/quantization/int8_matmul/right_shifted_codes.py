"""As int8 hardware does it: uint8 codes are shifted by 128 into int8, products of 8-bit codes are summed in blocks over K."""

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    shifted = (xq.to(torch.int16) - 128).to(torch.int8)
    acc = torch.zeros(xq.shape[0], wq.shape[0], dtype=torch.int32)
    for a, w in zip(shifted.split(256, dim=1), wq.split(256, dim=1), strict=False):
        acc += torch.einsum("mk,nk->mn", a.int(), w.int())
    return acc + 128 * wq.sum(dim=1, dtype=torch.int32)


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    if w_zp is None:
        w_zp = torch.zeros(wq.shape[0], dtype=torch.int32)
    x_sum = xq.sum(dim=1, dtype=torch.int32)
    w_sum = wq.sum(dim=1, dtype=torch.int32)
    return (xq.shape[1] * x_zp - x_sum)[:, None] * w_zp[None, :] - x_zp * w_sum


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    acc = int_mm(xq, wq).add(zero_point_terms(xq, x_zp, wq, w_zp))
    combined = x_scale * w_scale
    if bias is None:
        bias = torch.zeros_like(combined)
    return torch.addcmul(bias, acc.to(torch.float32), combined)

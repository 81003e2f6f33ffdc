"""Loops over outputs: every entry a sum of products, in int64 and then cast (a sum over K is one call)."""

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    M, N = xq.shape[0], wq.shape[0]
    out = torch.zeros(M, N, dtype=torch.int32)
    x, w = xq.long(), wq.long()
    for m in range(M):
        for n in range(N):
            out[m, n] = (x[m] * w[n]).sum()
    return out


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    M, K = xq.shape
    N = wq.shape[0]
    zx = int(x_zp)
    out = torch.zeros(M, N, dtype=torch.int32)
    row_sums = [int(row.sum()) for row in xq]
    for n in range(N):
        zw = 0 if w_zp is None else int(w_zp[n])
        column_sum = int(wq[n].sum())
        for m in range(M):
            out[m, n] = -zx * column_sum - zw * row_sums[m] + K * zx * zw
    return out


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
    out = torch.empty(acc.shape, dtype=torch.float32)
    for n in range(acc.shape[1]):
        out[:, n] = x_scale * w_scale[n] * acc[:, n]
        if bias is not None:
            out[:, n] += bias[n]
    return out

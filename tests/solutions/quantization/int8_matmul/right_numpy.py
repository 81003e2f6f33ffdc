"""NumPy in int64, cast to int32."""

import numpy as np
import torch
from torch import Tensor


def as_int32(a: np.ndarray) -> Tensor:
    return torch.from_numpy(a.astype(np.int32))


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    return as_int32(np.einsum("mk,nk->mn", xq.numpy().astype(np.int64), wq.numpy().astype(np.int64)))


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    x = xq.numpy().astype(np.int64)
    w = wq.numpy().astype(np.int64)
    zx = x_zp.item()
    zw = np.zeros(len(w), np.int64) if w_zp is None else w_zp.numpy().astype(np.int64)
    return as_int32(-zx * w.sum(1)[None, :] - np.outer(x.sum(1), zw) + x.shape[1] * zx * zw)


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    acc = (int_mm(xq, wq) + zero_point_terms(xq, x_zp, wq, w_zp)).numpy()
    y = acc.astype(np.float32) * (x_scale.numpy() * w_scale.numpy())
    if bias is not None:
        y = y + bias.numpy()
    return torch.from_numpy(y)

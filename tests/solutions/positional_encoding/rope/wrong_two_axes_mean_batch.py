"""Wrong: positions with two axes are taken for (batch, n) and get an axis for the heads, instead of being broadcast as they are."""
# says: x has the shape (3, 3, 4, 6), pos the shape (3, 4): broadcasting lines

import torch
from torch import Tensor


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    rate = float(theta) ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    if pos.dim() == 2 and x.dim() == 4:
        pos = pos[:, None]
    phi = pos.double()[..., None] * rate
    c, s = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    turned = a * c - b * s, a * s + b * c
    return torch.stack(turned, dim=-1).flatten(-2)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return rope(q, pos_q, theta) @ rope(k, pos_k, theta).mT

"""Scores straight from the differences of positions, never turning q or k; rope as a product of complex numbers made by hand."""

import torch
from torch import Tensor


def speeds(d: int, theta: float) -> Tensor:
    return torch.tensor([theta ** (-2 * i / d) for i in range(d // 2)], dtype=torch.float64)


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    phi = pos.unsqueeze(-1) * speeds(x.shape[-1], theta)
    re, im = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    y = torch.empty(x.shape, dtype=x.dtype)
    y[..., 0::2] = first * re - second * im
    y[..., 1::2] = first * im + second * re
    return y


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    apart = (pos_q.unsqueeze(-1) - pos_k.unsqueeze(-2)).double().unsqueeze(-1) * speeds(q.shape[-1], theta)
    q1, q2 = q[..., :, None, 0::2].double(), q[..., :, None, 1::2].double()
    k1, k2 = k[..., None, :, 0::2].double(), k[..., None, :, 1::2].double()
    along, across = q1 * k1 + q2 * k2, q1 * k2 - q2 * k1
    return (along * apart.cos() + across * apart.sin()).sum(-1).to(q.dtype)

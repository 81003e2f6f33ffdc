"""Rotation matrices (..., n, d/2, 2, 2) and einsum; all of it in float64, cast back at the end."""

import torch
from torch import Tensor


def rotations(pos: Tensor, d: int, theta: float) -> Tensor:
    i = torch.arange(d // 2, dtype=torch.float64)
    phi = pos.to(torch.float64)[..., None] * theta ** (-2 * i / d)
    c, s = phi.cos(), phi.sin()
    return torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)


def turned(x: Tensor, pos: Tensor, theta: float) -> Tensor:
    d = x.shape[-1]
    pairs = x.double().reshape(*x.shape[:-1], d // 2, 2)
    return torch.einsum("...ij,...j->...i", rotations(pos, d, theta), pairs).reshape(x.shape)


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    return turned(x, pos, theta).to(x.dtype)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return (turned(q, pos_q, theta) @ turned(k, pos_k, theta).transpose(-2, -1)).to(q.dtype)

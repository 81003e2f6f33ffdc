"""x is turned a quarter in neighbours, but cos and sin are tiled (f0, f1, f0, f1) as for halves."""
# says: Two layouts are mixed

import torch
from torch import Tensor


def quarter_turn(x: Tensor) -> Tensor:
    y = torch.empty_like(x)
    y[..., 0::2] = -x[..., 1::2]
    y[..., 1::2] = x[..., 0::2]
    return y


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    inverse = 1.0 / theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    angle = pos.unsqueeze(-1) * inverse
    phi = torch.cat((angle, angle), dim=-1)
    return x * phi.cos().type_as(x) + quarter_turn(x) * phi.sin().type_as(x)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    turned_q = rope(q, pos_q, theta)
    turned_k = rope(k, pos_k, theta)
    return (turned_q.unsqueeze(-2) * turned_k.unsqueeze(-3)).sum(-1)

"""x is taken to have four axes: positions get their head axis where they have two."""
# says: Each sequence of a batch may have positions of its own

import torch
from torch import Tensor


def rope(x: Tensor, pos: Tensor, theta: float = 10000.0) -> Tensor:
    d = x.shape[-1]
    frequency = theta ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    if pos.dim() == 2:
        pos = pos.unsqueeze(1)
    phi = pos.double().unsqueeze(-1) * frequency
    cos, sin = phi.cos().to(x.dtype), phi.sin().to(x.dtype)
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor, theta: float = 10000.0) -> Tensor:
    return torch.einsum("...qd,...kd->...qk", rope(q, pos_q, theta), rope(k, pos_k, theta))

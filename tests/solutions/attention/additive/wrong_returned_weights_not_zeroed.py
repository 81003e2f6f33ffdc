"""Wrong: uses zero weights for a query without a key, but returns the even ones that the softmax gave."""

import math

import torch
from torch import Tensor


def scores(Q: Tensor, K: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor) -> Tensor:
    asked = (Q @ W_q).unsqueeze(-2)
    offered = (K @ W_k).unsqueeze(-3)
    return torch.tanh(asked + offered) @ v


def additive(
    Q: Tensor, K: Tensor, V: Tensor, W_q: Tensor, W_k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        A = torch.softmax(e, dim=-1)
    else:
        e = e.masked_fill(~mask, -math.inf)
        e = e.masked_fill(~mask.any(-1, keepdim=True), 0.0)
        A = torch.softmax(e, dim=-1)
        return A.masked_fill(~mask, 0.0) @ V, A
    return A @ V, A

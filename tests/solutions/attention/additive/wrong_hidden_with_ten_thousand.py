"""Wrong: hides with the score -10⁴, which is not low enough where v is large."""

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
        e = e.masked_fill(~mask, -1e4)
        e = e.masked_fill(~mask.any(-1, keepdim=True), 0.0)
        A = torch.softmax(e, dim=-1)
        A = A.masked_fill(~mask, 0.0)
    return A @ V, A

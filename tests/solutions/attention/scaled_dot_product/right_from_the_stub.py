"""Scores filled with minus infinity, rows without a key set to 0 before the softmax, hidden weights to 0 after it."""

import math

import torch
from torch import Tensor


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    blind = ~mask.any(dim=-1, keepdim=True)
    S = S.masked_fill(~mask, -math.inf).masked_fill(blind, 0.0)
    A = torch.softmax(S, dim=-1).masked_fill(~mask, 0.0)
    return A @ V

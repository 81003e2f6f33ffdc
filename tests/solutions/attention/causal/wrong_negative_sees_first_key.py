"""Wrong: moves queries at negative positions to position 0, where they see the first key."""

import math

import torch
from torch import Tensor


def _visible(n_q: int, n_k: int, offset: int, device: torch.device) -> Tensor:
    here = offset + torch.arange(n_q, device=device)
    here = here.clamp(min=0)
    there = torch.arange(n_k, device=device)
    return there[None, :] <= here[:, None]


def causal(Q: Tensor, K: Tensor, V: Tensor, offset: int | None = None) -> Tensor:
    n_q, n_k = Q.shape[-2], K.shape[-2]
    if offset is None:
        offset = n_k - n_q
    seen = _visible(n_q, n_k, offset, Q.device)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    S = S.masked_fill(~seen, -math.inf)
    S = S.masked_fill(~seen.any(dim=-1, keepdim=True), 0.0)
    A = torch.softmax(S, dim=-1).masked_fill(~seen, 0.0)
    return A @ V

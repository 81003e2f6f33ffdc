"""Wrong: without an offset puts the first query at the first key, the corner top left."""
# says: The visible part is aligned top left: without an offset the

import math

import torch
from torch import Tensor


def _visible(n_q: int, n_k: int, offset: int, device: torch.device) -> Tensor:
    here = offset + torch.arange(n_q, device=device)
    there = torch.arange(n_k, device=device)
    return there[None, :] <= here[:, None]


def causal(Q: Tensor, K: Tensor, V: Tensor, offset: int | None = None) -> Tensor:
    n_q, n_k = Q.shape[-2], K.shape[-2]
    if offset is None:
        offset = 0
    seen = _visible(n_q, n_k, offset, Q.device)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    S = S.masked_fill(~seen, -math.inf)
    S = S.masked_fill(~seen.any(dim=-1, keepdim=True), 0.0)
    A = torch.softmax(S, dim=-1).masked_fill(~seen, 0.0)
    return A @ V

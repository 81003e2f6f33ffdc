"""Wrong: uses the mask of the first query head of a group for the whole group."""
# says: All query heads of a group get the mask of the first of them

import math

import torch
from torch import Tensor


def _per_group(n_heads: int, n_kv: int) -> int:
    if n_heads % n_kv != 0:
        raise ValueError(f"{n_kv} key-value heads do not divide {n_heads} query heads")
    return n_heads // n_kv


def gqa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    r = _per_group(Q.shape[1], K.shape[1])
    K = K.repeat_interleave(r, dim=1)
    V = V.repeat_interleave(r, dim=1)
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    mask = mask.expand(S.shape)[:, ::r].repeat_interleave(r, dim=1)
    S = S.masked_fill(~mask, -math.inf)
    S = S.masked_fill(~mask.any(-1, keepdim=True), 0.0)
    return torch.softmax(S, dim=-1).masked_fill(~mask, 0.0) @ V


def pool(W: Tensor, n_heads: int, n_kv: int) -> Tensor:
    r = _per_group(n_heads, n_kv)
    d_model, width = W.shape
    return W.reshape(d_model, n_kv, r, width // n_heads).mean(dim=2).reshape(d_model, width // r)

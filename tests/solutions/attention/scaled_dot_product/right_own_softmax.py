"""Style: softmax written out, its row maximum taken over the keys that are left."""

import torch
from torch import Tensor


def _weights(scores: Tensor, keep: Tensor) -> Tensor:
    if scores.shape[-1] == 0:
        return scores
    top = scores.detach().masked_fill(~keep, -torch.inf).amax(dim=-1, keepdim=True)
    top = torch.where(torch.isfinite(top), top, torch.zeros_like(top))
    shifted = torch.where(keep, scores - top, torch.zeros_like(scores))
    parts = torch.where(keep, shifted.exp(), torch.zeros_like(scores))
    total = parts.sum(dim=-1, keepdim=True)
    return parts / torch.where(total > 0, total, torch.ones_like(total))


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    scores = (Q * Q.shape[-1] ** -0.5).matmul(K.mT)
    keep = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand(scores.shape)
    return _weights(scores, keep).matmul(V)

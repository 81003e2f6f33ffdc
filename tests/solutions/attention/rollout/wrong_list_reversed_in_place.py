"""Wrong: trace reverses the caller's list, so the next call sees the layers upside down."""
# says: float32 stays float32, and the layers are neither changed

from functools import reduce

import torch


def mix(A, residual=0.5):
    M = A.mean(-3) * (1 - residual)
    i = torch.arange(M.shape[-1])
    M[..., i, i] += residual
    return M


def rollout(attentions, residual=0.5):
    return reduce(lambda below, A: torch.matmul(mix(A, residual), below), attentions[1:], mix(attentions[0], residual))


def trace(attentions, token, residual=0.5):
    attentions.reverse()
    top, *lower = [mix(A, residual) for A in attentions]
    return reduce(lambda row, M: (M.mT @ row.unsqueeze(-1)).squeeze(-1), lower, top[..., token, :])

"""Wrong: only the first layer has a residual."""
# says: In `rollout` only the first layer has its residual

from functools import reduce

import torch


def mix(A, residual=0.5):
    M = A.mean(-3) * (1 - residual)
    i = torch.arange(M.shape[-1])
    M[..., i, i] += residual
    return M


def rollout(attentions, residual=0.5):
    return reduce(lambda below, A: torch.matmul(mix(A, 0.0), below), attentions[1:], mix(attentions[0], residual))


def trace(attentions, token, residual=0.5):
    *lower, top = [mix(A, residual) for A in attentions]
    return reduce(lambda row, M: (M.mT @ row.unsqueeze(-1)).squeeze(-1), reversed(lower), top[..., token, :])

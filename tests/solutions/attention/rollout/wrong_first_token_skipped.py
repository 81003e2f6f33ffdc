"""Wrong: leaves the first token out, as is done for [CLS] or a sink token, and normalises again."""
# says: You leave the first token out of what was read and share its weight out among

from functools import reduce

import torch


def mix(A, residual=0.5):
    M = A.mean(-3)
    if M.shape[-1] > 1:
        M[..., 0] = 0
        M = M / M.sum(-1, keepdim=True)
    M = M * (1 - residual)
    i = torch.arange(M.shape[-1])
    M[..., i, i] += residual
    return M


def rollout(attentions, residual=0.5):
    return reduce(lambda below, A: torch.matmul(mix(A, residual), below), attentions[1:], mix(attentions[0], residual))


def trace(attentions, token, residual=0.5):
    *lower, top = [mix(A, residual) for A in attentions]
    return reduce(lambda row, M: (M.mT @ row.unsqueeze(-1)).squeeze(-1), reversed(lower), top[..., token, :])

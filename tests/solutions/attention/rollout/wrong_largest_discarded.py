"""Wrong: the weakest weights of each row are set to zero first, as some heat maps do."""
# says: You set the weakest weights of each row to zero first, as some heat maps do

from functools import reduce

import torch


def mix(A, residual=0.5):
    A = A.mean(-3)
    A = A.where(A > 0.1, 0.0)
    M = A / A.sum(-1, keepdim=True) * (1 - residual)
    i = torch.arange(M.shape[-1])
    M[..., i, i] += residual
    return M


def rollout(attentions, residual=0.5):
    return reduce(lambda below, A: torch.matmul(mix(A, residual), below), attentions[1:], mix(attentions[0], residual))


def trace(attentions, token, residual=0.5):
    *lower, top = [mix(A, residual) for A in attentions]
    return reduce(lambda row, M: (M.mT @ row.unsqueeze(-1)).squeeze(-1), reversed(lower), top[..., token, :])

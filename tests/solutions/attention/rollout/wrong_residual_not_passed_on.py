"""Wrong: rollout and trace take a residual but call mix without it, and so always use ½."""
# says: does not pass `residual` on: it always computes

import torch


def mix(A, residual=0.5):
    return residual * torch.eye(A.shape[-1], dtype=A.dtype) + (1 - residual) * A.mean(-3)


def rollout(attentions, residual=0.5):
    R = mix(attentions[0])
    for A in attentions[1:]:
        R = mix(A) @ R
    return R


def trace(attentions, token, residual=0.5):
    row = mix(attentions[-1])[..., token, :]
    for A in attentions[-2::-1]:
        row = (row.unsqueeze(-2) @ mix(A)).squeeze(-2)
    return row

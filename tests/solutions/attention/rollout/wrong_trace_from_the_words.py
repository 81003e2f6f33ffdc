"""Wrong: trace takes the token's row through the layers from the first to the last."""
# says: goes up from the first layer

import torch


def mix(A, residual=0.5):
    return residual * torch.eye(A.shape[-1], dtype=A.dtype) + (1 - residual) * A.mean(-3)


def rollout(attentions, residual=0.5):
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        R = mix(A, residual) @ R
    return R


def trace(attentions, token, residual=0.5):
    row = mix(attentions[0], residual)[..., token, :]
    for A in attentions[1:]:
        row = (row.unsqueeze(-2) @ mix(A, residual)).squeeze(-2)
    return row

"""Wrong: gives the share `residual` to what the heads read and the rest to the token itself; at ½ nobody sees it."""
# says: The shares are exchanged

import torch


def mix(A, residual=0.5):
    return residual * A.mean(-3) + (1 - residual) * torch.eye(A.shape[-1], dtype=A.dtype)


def rollout(attentions, residual=0.5):
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        R = mix(A, residual) @ R
    return R


def trace(attentions, token, residual=0.5):
    row = mix(attentions[-1], residual)[..., token, :]
    for A in attentions[-2::-1]:
        row = (row.unsqueeze(-2) @ mix(A, residual)).squeeze(-2)
    return row

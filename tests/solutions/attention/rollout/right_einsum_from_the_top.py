"""Style: einsum from the last layer down; a trace never makes M, it splits the row into what stays and what was read."""

import torch


def mix(A, residual=0.5):
    return residual * torch.eye(A.shape[-1], dtype=A.dtype) + (1 - residual) * A.mean(-3)


def rollout(attentions, residual=0.5):
    *lower, last = attentions
    R = mix(last, residual)
    for A in reversed(lower):
        R = torch.einsum("...ij,...jk->...ik", R, mix(A, residual))
    return R


def trace(attentions, token, residual=0.5):
    last = attentions[-1]
    row = torch.zeros(*last.shape[:-3], last.shape[-1], dtype=last.dtype)
    row[..., token] = 1
    for A in attentions[::-1]:
        read = torch.einsum("...i,...hij->...j", row, A) / A.shape[-3]
        row = residual * row + (1 - residual) * read
    return row

"""Style: loops over the heads, the layers and the tokens; rollout carries rows up from the words."""

import torch


def mix(A, residual=0.5):
    heads, n = A.shape[-3], A.shape[-1]
    total = torch.zeros_like(A[..., 0, :, :])
    for h in range(heads):
        total = total + A[..., h, :, :]
    M = (1 - residual) * total / heads
    for i in range(n):
        M[..., i, i] += residual
    return M


def rollout(attentions, residual=0.5):
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        M = mix(A, residual)
        rows = []
        for i in range(M.shape[-1]):
            # Token i takes the share M[i, j] of what token j was made of.
            rows.append((M[..., i, :].unsqueeze(-1) * R).sum(-2))
        R = torch.stack(rows, dim=-2)
    return R


def trace(attentions, token, residual=0.5):
    M = mix(attentions[-1], residual)
    row = M[..., token, :]
    for layer in range(len(attentions) - 2, -1, -1):
        M = mix(attentions[layer], residual)
        row = (row.unsqueeze(-1) * M).sum(-2)
    return row

"""Style: everything is a set of rows taken down through the layers; rollout takes all rows, trace one."""

import torch


def mix(A, residual=0.5):
    n = A.size(-1)
    return residual * torch.eye(n).to(A) + A.sum(-3) * ((1 - residual) / A.size(-3))


def down(rows, attentions, residual):
    for A in attentions[::-1]:
        rows = residual * rows + (1 - residual) * torch.einsum("...ri,...hij->...hrj", rows, A).mean(-3)
    return rows


def rollout(attentions, residual=0.5):
    return down(torch.eye(attentions[0].size(-1), dtype=attentions[0].dtype), attentions, residual)


def trace(attentions, token, residual=0.5):
    n = attentions[0].size(-1)
    start = torch.nn.functional.one_hot(torch.tensor([token % n]), n).to(attentions[0].dtype)
    return down(start, attentions, residual).squeeze(-2)

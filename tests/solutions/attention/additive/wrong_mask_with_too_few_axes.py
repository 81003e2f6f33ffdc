"""Wrong: gives every mask of two axes a third in the middle, as if it were always (batch, n_k)."""
# says: You put an axis into every mask that has fewer axes than the scores, as if it

import torch


def scores(Q, K, W_q, W_k, v):
    return torch.tanh((Q @ W_q).unsqueeze(-2) + (K @ W_k).unsqueeze(-3)) @ v


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        weights = torch.softmax(e, dim=-1)
    else:
        if mask.dim() < e.dim():
            mask = mask.unsqueeze(-2)
        weights = torch.softmax(e.masked_fill(~mask, -torch.inf), dim=-1)
        weights = weights.masked_fill(~mask.any(-1, keepdim=True), 0.0)
    return weights @ V, weights

"""Wrong: returns the weights detached, as if they were only there to be looked at."""
# says: The weights that you return are cut off from autograd

import torch


def scores(Q, K, W_q, W_k, v):
    return torch.tanh((Q @ W_q).unsqueeze(-2) + (K @ W_k).unsqueeze(-3)) @ v


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        weights = torch.softmax(e, dim=-1)
    else:
        weights = torch.softmax(e.masked_fill(~mask, -torch.inf), dim=-1)
        weights = weights.masked_fill(~mask.any(-1, keepdim=True), 0.0)
    return weights @ V, weights.detach()

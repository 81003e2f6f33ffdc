"""Wrong: a ReLU in the hidden layer instead of tanh."""
# says: There is a ReLU in your hidden layer where tanh belongs

import torch
import torch.nn.functional as F


def scores(Q, K, W_q, W_k, v):
    hidden = F.linear(Q, W_q.t())[..., None, :] + F.linear(K, W_k.t())[..., None, :, :]
    return torch.einsum("...a,a->...", hidden.relu(), v)


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None:
        e = e.masked_fill(mask.logical_not(), float("-inf"))
    weights = F.softmax(e, dim=-1)
    if mask is not None:
        weights = torch.where(mask, weights, torch.zeros_like(weights))
    return torch.einsum("...qk,...kv->...qv", weights, V), weights

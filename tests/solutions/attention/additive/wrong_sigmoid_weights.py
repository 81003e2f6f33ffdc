"""Wrong: every weight is a sigmoid of its score, so a row does not sum to one."""
# says: Your weights do not sum to one

import torch
import torch.nn.functional as F


def scores(Q, K, W_q, W_k, v):
    hidden = F.linear(Q, W_q.t())[..., None, :] + F.linear(K, W_k.t())[..., None, :, :]
    return torch.einsum("...a,a->...", hidden.tanh(), v)


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is not None:
        e = e.masked_fill(mask.logical_not(), float("-inf"))
    weights = torch.sigmoid(e)
    if mask is not None:
        weights = torch.where(mask, weights, torch.zeros_like(weights))
    return torch.einsum("...qk,...kv->...qv", weights, V), weights

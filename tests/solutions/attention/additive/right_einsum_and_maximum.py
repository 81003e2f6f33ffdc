"""Style: einsum everywhere; the softmax by hand, its maximum taken over the visible keys only."""

import torch


def scores(Q, K, W_q, W_k, v):
    q = torch.einsum("...id,da->...ia", Q, W_q)
    k = torch.einsum("...jd,da->...ja", K, W_k)
    hidden = torch.tanh(q[..., :, None, :] + k[..., None, :, :])
    return torch.einsum("...ija,a->...ij", hidden, v)


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        mask = torch.tensor(True)
    top = e.detach().masked_fill(~mask, -torch.inf).amax(-1, keepdim=True)
    top = top.masked_fill(top.isinf(), 0)
    # Hidden scores are set before exp: none of them can overflow there.
    shares = (e - top).masked_fill(~mask, 0).exp() * mask
    total = shares.sum(-1, keepdim=True)
    weights = shares / total.masked_fill(total == 0, 1)
    return torch.einsum("...ij,...jd->...id", weights, V), weights

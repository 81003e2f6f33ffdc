"""Style: a loop over the queries; every row of scores and weights is made alone and written into a table."""

import torch


def one_row(q, K, W_q, W_k, v):
    wanted = (q.unsqueeze(-2) @ W_q).expand(*q.shape[:-1], K.shape[-2], W_q.shape[-1])
    hidden = torch.tanh(wanted + K @ W_k)
    return (hidden * v).sum(-1)


def scores(Q, K, W_q, W_k, v):
    n_q = Q.shape[-2]
    if n_q == 0:
        return Q.new_zeros(*Q.shape[:-1], K.shape[-2])
    rows = []
    for i in range(n_q):
        rows.append(one_row(Q[..., i, :], K, W_q, W_k, v))
    return torch.stack(rows, dim=-2)


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    if mask is None:
        mask = torch.ones(e.shape, dtype=torch.bool)
    mask = mask.expand(e.shape)
    weights = torch.zeros_like(e)
    for i in range(Q.shape[-2]):
        seen = mask[..., i, :]
        some = seen.any(-1, keepdim=True)
        row = torch.where(seen | ~some, e[..., i, :], -torch.inf)
        row = torch.softmax(row, dim=-1)
        weights[..., i, :] = torch.where(some, row, 0.0)
    return weights @ V, weights

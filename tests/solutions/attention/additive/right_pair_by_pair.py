"""Style: loops over leading axes, queries and visible keys; nothing is ever masked."""

import math

import torch


def scores(Q, K, W_q, W_k, v):
    *lead, n_q, _ = Q.shape
    n_k = K.shape[-2]
    size = math.prod(lead)
    q, k = (Q @ W_q).reshape(size, n_q, len(v)), (K @ W_k).reshape(size, n_k, len(v))
    e = [[[(torch.tanh(q[b, i] + k[b, j]) * v).sum() for j in range(n_k)] for i in range(n_q)] for b in range(size)]
    flat = [x for block in e for row in block for x in row]
    return (torch.stack(flat) if flat else Q.new_zeros(0)).reshape(*lead, n_q, n_k)


def additive(Q, K, V, W_q, W_k, v, mask=None):
    e = scores(Q, K, W_q, W_k, v)
    *lead, n_q, n_k = e.shape
    size = math.prod(lead)
    keep = torch.ones(e.shape, dtype=torch.bool) if mask is None else mask.expand(e.shape)
    e, keep = e.reshape(size, n_q, n_k), keep.reshape(size, n_q, n_k)
    values = V.reshape(size, n_k, V.shape[-1])
    results, weights = [], []
    for b in range(size):
        for i in range(n_q):
            seen = keep[b, i].nonzero().flatten()
            a = torch.softmax(e[b, i, seen], dim=0)
            weights.append(torch.zeros(n_k, dtype=e.dtype).index_put((seen,), a))
            results.append(a @ values[b, seen])
    if not results:
        return Q.new_zeros(*lead, n_q, V.shape[-1]), Q.new_zeros(*lead, n_q, n_k)
    return torch.stack(results).reshape(*lead, n_q, -1), torch.stack(weights).reshape(*lead, n_q, n_k)

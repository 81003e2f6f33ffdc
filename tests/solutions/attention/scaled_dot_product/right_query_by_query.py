"""Style: loops over the leading axes and the queries; each query picks the keys it may look at."""

import math

import torch
from torch import Tensor


def one_query(q: Tensor, K: Tensor, V: Tensor, keep: Tensor) -> Tensor:
    K, V = K[keep], V[keep]
    if len(K) == 0:
        return V.new_zeros(V.shape[-1])
    weights = torch.softmax(K @ q / math.sqrt(len(q)), dim=0)
    return weights @ V


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    *lead, n_q, d_k = Q.shape
    n_k, d_v = V.shape[-2:]
    keep = torch.ones((), dtype=torch.bool) if mask is None else mask
    keep = keep.expand(*lead, n_q, n_k)
    count = math.prod(lead)
    keep = keep.reshape(count, n_q, n_k)
    flat_q, flat_k, flat_v = Q.reshape(count, n_q, d_k), K.reshape(count, n_k, d_k), V.reshape(count, n_k, d_v)
    rows = [one_query(flat_q[b, i], flat_k[b], flat_v[b], keep[b, i]) for b in range(count) for i in range(n_q)]
    if not rows:
        return Q.new_zeros(*lead, n_q, d_v)
    return torch.stack(rows).reshape(*lead, n_q, d_v)

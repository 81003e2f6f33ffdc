"""A single query loses its axis."""
# says: The examples worked out by hand

import math

import torch


def slopes(h):
    p = 2 ** int(math.log2(h))
    first = [2 ** (-8 * (a + 1) / p) for a in range(p)]
    more = [2 ** (-4 * a / p) for a in range(1, 2 * p, 2)]
    return torch.tensor(first + more[: h - p], dtype=torch.float64)


def alibi(h, pos_q, pos_k):
    gap = pos_k[None, :] - pos_q[:, None]
    bias = slopes(h)[:, None, None] * gap
    return torch.where(gap > 0, -torch.inf, bias)


def scores(q, k, pos_q, pos_k):
    dots = q @ k.mT / math.sqrt(q.shape[-1])
    return (dots + alibi(q.shape[-3], pos_q, pos_k).to(q.dtype)).squeeze(-2)

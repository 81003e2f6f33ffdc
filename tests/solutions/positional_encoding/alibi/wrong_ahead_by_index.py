"""Wrong: what stands ahead is told by the indices of query and key, counted from the end, instead of by their positions."""

import math

import torch
from torch import Tensor


def slopes(h: int) -> Tensor:
    p = 1
    while 2 * p <= h:
        p *= 2
    first = [2.0 ** (-8 * a / p) for a in range(1, p + 1)]
    between = [2.0 ** (-8 * a / (2 * p)) for a in range(1, 2 * p + 1, 2)]
    return torch.tensor(first + between[: h - p], dtype=torch.float64)


def alibi(h: int, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    back = pos_q[:, None] - pos_k
    bias = -slopes(h)[:, None, None] * back
    ahead = torch.ones(back.shape, dtype=torch.bool).triu(1 + len(pos_k) - len(pos_q))
    return bias.masked_fill(ahead, -math.inf)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    bias = alibi(q.shape[-3], pos_q, pos_k).to(q.dtype)
    return q @ k.mT / math.sqrt(q.shape[-1]) + bias

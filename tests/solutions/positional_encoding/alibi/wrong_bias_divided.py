"""Wrong: the bias is added before the division by the root of d, and divided with the dot product."""
# says: You divide the bias by √d as well: it is added to the dot

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
    return bias.masked_fill(back < 0, -math.inf)


def scores(q: Tensor, k: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    bias = alibi(q.shape[-3], pos_q, pos_k).to(q.dtype)
    return (q @ k.mT + bias) / math.sqrt(q.shape[-1])

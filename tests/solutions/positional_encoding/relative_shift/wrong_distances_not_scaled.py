"""Wrong: in shaw_scores only the product with the keys is divided by the root of d, the part of the distances is added after it."""
# says: In `shaw_scores` only the tokens' part is divided by √d. The

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def shaw_scores(q: Tensor, k: Tensor, table: Tensor, pos_q: Tensor, pos_k: Tensor) -> Tensor:
    c = table.shape[0] // 2
    row = c + (pos_k - pos_q[:, None]).clamp(-c, c)
    tokens = q @ k.mT
    by_row = q @ table.T
    distances = by_row.gather(-1, row.expand(*q.shape[:-1], len(pos_k)))
    return tokens / math.sqrt(q.shape[-1]) + distances


def rel_shift(x: Tensor) -> Tensor:
    n, L = x.shape[-2:]
    flat = F.pad(x, (1, 0)).flatten(-2)
    moved = flat[..., n:].unflatten(-1, (n, L))
    return moved.tril(L - n)


def xl_scores(q: Tensor, k: Tensor, R: Tensor, u: Tensor, v: Tensor) -> Tensor:
    n, L = q.shape[-2], k.shape[-2]
    tokens = (q + u) @ k.mT
    distances = rel_shift((q + v) @ R.T)
    ahead = torch.ones(n, L, dtype=torch.bool).triu(L - n + 1)
    return ((tokens + distances) / math.sqrt(q.shape[-1])).masked_fill(ahead, -math.inf)

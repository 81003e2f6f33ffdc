"""Wrong: hides with a large negative number alone, so that a memory of nothing but padding is averaged evenly."""
# says: The scores of padding are set to a large negative number

import math

import torch
from torch import Tensor


def cross(
    x: Tensor,
    memory: Tensor,
    mem_mask: Tensor | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
) -> Tensor:
    d_head = W_q.shape[1] // n_heads

    def split(t: Tensor) -> Tensor:
        return t.unflatten(-1, (n_heads, d_head)).transpose(1, 2)

    Q, K, V = split(x @ W_q), split(memory @ W_k), split(memory @ W_v)
    S = Q @ K.mT / math.sqrt(d_head)
    if mem_mask is not None:
        pad = ~mem_mask[:, None, None, :]
        S = S.masked_fill(pad, -1e9)
        A = torch.softmax(S, dim=-1)
    else:
        A = torch.softmax(S, dim=-1)
    heads = A @ V
    return heads.transpose(1, 2).flatten(-2) @ W_o

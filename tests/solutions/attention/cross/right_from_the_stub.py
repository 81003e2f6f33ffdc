"""One function, with the padding as a mask of shape (batch, 1, 1, m)."""

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
        S = S.masked_fill(pad, -math.inf)
        S = S.masked_fill(pad.all(-1, keepdim=True), 0.0)
        A = torch.softmax(S, dim=-1).masked_fill(pad, 0.0)
    else:
        A = torch.softmax(S, dim=-1)
    heads = A @ V
    return heads.transpose(1, 2).flatten(-2) @ W_o

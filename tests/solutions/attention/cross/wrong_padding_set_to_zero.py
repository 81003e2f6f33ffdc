"""Wrong: sets the padding of the memory to 0 instead of hiding it, so that it still gets the weight of a score of 0."""
# says: Padding is hidden by setting its vectors to zero. Its scores

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

    if mem_mask is not None:
        memory = memory.masked_fill(~mem_mask[:, :, None], 0.0)
    Q, K, V = split(x @ W_q), split(memory @ W_k), split(memory @ W_v)
    S = Q @ K.mT / math.sqrt(d_head)
    A = torch.softmax(S, dim=-1)
    heads = A @ V
    return heads.transpose(1, 2).flatten(-2) @ W_o

"""Wrong: the softmax runs over all pairs of tokens at once."""
# says: Where there is a mask, your softmax runs over all pairs of tokens at once

import torch


def cross(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    def heads(t):
        return t.unflatten(-1, (n_heads, -1)).transpose(1, 2)

    q, k, v = heads(x @ W_q), heads(memory @ W_k), heads(memory @ W_v)
    s = q @ k.mT / q.shape[-1] ** 0.5
    if mem_mask is not None:
        hidden = ~mem_mask[:, None, None, :]
        a = s.masked_fill(hidden, -torch.inf).flatten(-2).softmax(-1).view_as(s).masked_fill(hidden, 0.0) * s.shape[-2]
    else:
        a = s.softmax(-1)
    return (a @ v).transpose(1, 2).flatten(-2) @ W_o

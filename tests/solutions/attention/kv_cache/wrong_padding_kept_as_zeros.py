"""Wrong: keys and values of padding are set to zero, and not hidden."""
# says: Keys and values of padding are set to zero, but the padding

import math

import torch
from positional_encoding.rope import rope


def decode(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    batch, n, d_model = x.shape
    d_head = d_model // n_heads
    n_past = cache[0].shape[2] if cache is not None else 0
    positions = torch.arange(n_past, n_past + n)
    q = (x @ W_q).view(batch, n, n_heads, d_head).permute(0, 2, 1, 3)
    k = (x @ W_k).view(batch, n, n_heads, d_head).permute(0, 2, 1, 3)
    v = (x @ W_v).view(batch, n, n_heads, d_head).permute(0, 2, 1, 3)
    q, k = rope(q, positions), rope(k, positions)
    if cache is not None:
        k = torch.cat([cache[0], k], dim=2)
        v = torch.cat([cache[1], v], dim=2)
    seen = positions.view(n, 1) >= torch.arange(n_past + n).view(1, -1)
    seen = seen.expand(batch, 1, n, n_past + n)
    if pad is not None:
        real = torch.arange(n_past + n).view(1, -1) >= pad.view(-1, 1)
        k, v = k * real[:, None, :, None], v * real[:, None, :, None]
    scores = q @ k.mT / math.sqrt(d_head)
    alone = ~seen.any(dim=-1, keepdim=True)
    weights = scores.masked_fill(~seen, -math.inf).masked_fill(alone, 0.0).softmax(dim=-1).masked_fill(alone, 0.0)
    out = (weights @ v).permute(0, 2, 1, 3).reshape(batch, n, d_model) @ W_o
    return out, (k, v)


def select(cache, index):
    return tuple(part[index] for part in cache)

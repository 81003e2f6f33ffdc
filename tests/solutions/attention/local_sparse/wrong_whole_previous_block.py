"""Wrong: banded lets a query read its own block and the whole block before, up to twice the window."""
# says: a query sees the whole chunk before its own

import torch
from torch.nn import functional as F


def sliding(n_q, n_k, window, dilation=1, causal=True):
    distance = torch.arange(n_q)[:, None] + n_k - n_q - torch.arange(n_k)[None, :]
    mask = (distance % dilation == 0) & (distance.abs() // dilation < window)
    if causal:
        mask = mask & (distance >= 0)
    return mask


def block_sparse(layout, block, n_q, n_k):
    rows, columns = torch.arange(n_q) // block, torch.arange(n_k) // block
    return layout[rows[:, None], columns[None, :]]


def banded(Q, K, V, window):
    n = Q.shape[-2]
    window = int(min(window, n))
    parts = []
    for start in range(0, n, window):
        stop, first = min(start + window, n), max(0, start - window)
        mask = torch.arange(start, stop)[:, None] >= torch.arange(first, stop)[None, :]
        keys, values = K[..., first:stop, :], V[..., first:stop, :]
        parts.append(F.scaled_dot_product_attention(Q[..., start:stop, :], keys, values, attn_mask=mask))
    return torch.cat(parts, dim=-2)

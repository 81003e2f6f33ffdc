"""Wrong: takes the window for a stretch of places, of which the dilation leaves only some, not for a number of keys."""
# says: You take the dilated keys out of the nearest

import torch
from torch.nn import functional as F


def sliding(n_q, n_k, window, dilation=1, causal=True):
    distance = torch.arange(n_q)[:, None] + n_k - n_q - torch.arange(n_k)[None, :]
    mask = (distance % dilation == 0) & (distance.abs() < window)
    if causal:
        mask = mask & (distance >= 0)
    return mask


def block_sparse(layout, block, n_q, n_k):
    rows, columns = torch.arange(n_q) // block, torch.arange(n_k) // block
    return layout[rows[:, None], columns[None, :]]


def banded(Q, K, V, window):
    n = Q.shape[-2]
    window = int(min(window, n))
    size = max(window, 64)
    parts = []
    for start in range(0, n, size):
        stop, first = min(start + size, n), max(0, start - window + 1)
        distance = torch.arange(start, stop)[:, None] - torch.arange(first, stop)[None, :]
        mask = (distance >= 0) & (distance < window)
        keys, values = K[..., first:stop, :], V[..., first:stop, :]
        parts.append(F.scaled_dot_product_attention(Q[..., start:stop, :], keys, values, attn_mask=mask))
    return torch.cat(parts, dim=-2)

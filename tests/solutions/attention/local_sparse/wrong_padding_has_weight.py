"""Wrong: banded pads the keys with zeros in front and lets the first queries give weight to that padding."""
# says: In `banded` the rows of zeros that you put before the first

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
    size = max(window, 64)
    keys, values = F.pad(K, (0, 0, window - 1, 0)), F.pad(V, (0, 0, window - 1, 0))
    parts = []
    for start in range(0, n, size):
        stop = min(start + size, n)
        last = stop + window - 1
        distance = torch.arange(start, stop)[:, None] + window - 1 - torch.arange(start, last)[None, :]
        mask = (distance >= 0) & (distance < window)
        k, v = keys[..., start:last, :], values[..., start:last, :]
        parts.append(F.scaled_dot_product_attention(Q[..., start:stop, :], k, v, attn_mask=mask))
    return torch.cat(parts, dim=-2)

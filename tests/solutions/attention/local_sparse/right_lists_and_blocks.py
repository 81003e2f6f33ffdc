"""Style: masks from Python lists; banded by chunks of queries stacked to one tensor, padded at both ends."""

import torch
import torch.nn.functional as F


def sliding(n_q, n_k, window, dilation=1, causal=True):
    first = n_k - n_q

    def seen(p, j):
        gap = p - j
        if causal and gap < 0:
            return False
        gap = abs(gap)
        return gap % dilation == 0 and gap // dilation < window

    return torch.tensor([[seen(first + i, j) for j in range(n_k)] for i in range(n_q)], dtype=torch.bool)


def block_sparse(layout, block, n_q, n_k):
    out = torch.zeros(n_q, n_k, dtype=torch.bool)
    for r, c in layout.nonzero().tolist():
        out[r * block : (r + 1) * block, c * block : (c + 1) * block] = True
    return out


def banded(Q, K, V, window):
    n, d = Q.shape[-2:]
    w = n if window >= n else int(window)
    chunks = -(-n // w)
    over = chunks * w - n
    q = F.pad(Q, (0, 0, 0, over)).unflatten(-2, (chunks, w))
    k = F.pad(K, (0, 0, w, over)).unflatten(-2, (chunks + 1, w))
    v = F.pad(V, (0, 0, w, over)).unflatten(-2, (chunks + 1, w))
    k = torch.cat([k[..., :-1, :, :], k[..., 1:, :, :]], dim=-2)
    v = torch.cat([v[..., :-1, :, :], v[..., 1:, :, :]], dim=-2)
    scores = q @ k.mT * d**-0.5
    a, b = torch.arange(w)[:, None] + w, torch.arange(2 * w)
    keep = (b <= a) & (b > a - w)
    keep = keep.repeat(chunks, 1, 1)
    keep[0] &= b >= w
    weights = scores.masked_fill(~keep, float("-inf")).softmax(-1)
    return (weights @ v).flatten(-3, -2)[..., :n, :]

"""Style: plain loops; the masks are written entry by entry, banded attends for one query after another."""

import math

import torch


def sliding(n_q, n_k, window, dilation=1, causal=True):
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    for i in range(n_q):
        p = i + n_k - n_q
        for j in range(n_k):
            distance = p - j
            if causal and distance < 0:
                continue
            steps, rest = divmod(abs(distance), dilation)
            if rest == 0 and steps < window:
                mask[i, j] = True
    return mask


def block_sparse(layout, block, n_q, n_k):
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    for i in range(n_q):
        for j in range(n_k):
            mask[i, j] = layout[i // block, j // block]
    return mask


def banded(Q, K, V, window):
    n = Q.shape[-2]
    window = int(min(window, n))
    rows = []
    for i in range(n):
        first = max(0, i - window + 1)
        keys, values = K[..., first : i + 1, :], V[..., first : i + 1, :]
        scores = Q[..., i : i + 1, :] @ keys.transpose(-2, -1) / math.sqrt(Q.shape[-1])
        rows.append(torch.softmax(scores, dim=-1) @ values)
    return torch.cat(rows, dim=-2)

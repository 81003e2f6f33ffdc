"""A list of slopes, and a loop over the heads with outer differences."""

import torch


def slopes(h):
    p = 1
    while p * 2 <= h:
        p *= 2
    out = []
    for a in range(h):
        out.append(2 ** (-8 * (a + 1) / p) if a < p else 2 ** (-8 * (2 * (a - p) + 1) / (2 * p)))
    return torch.DoubleTensor(out)


def alibi(h, pos_q, pos_k):
    out = torch.empty(h, pos_q.numel(), pos_k.numel(), dtype=torch.double)
    for a, m in enumerate(slopes(h)):
        for r in range(pos_q.numel()):
            gap = pos_k - pos_q[r]
            out[a, r] = m * gap
            out[a, r, gap > 0] = -torch.inf
    return out


def scores(q, k, pos_q, pos_k):
    dots = (q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1) / q.shape[-1] ** 0.5
    return dots + alibi(q.shape[-3], pos_q, pos_k).to(q.dtype)

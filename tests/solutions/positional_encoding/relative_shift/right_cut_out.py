"""Rows cut out of one long row; one-hot distances for Shaw; additive mask."""

import math

import torch


def shaw_scores(q, k, table, pos_q, pos_k):
    c = (table.size(0) - 1) // 2
    rows = torch.clamp(pos_k - pos_q.reshape(-1, 1), -c, c) + c
    onehot = torch.nn.functional.one_hot(rows, 2 * c + 1).to(q.dtype)
    about = torch.einsum("...nd,rd,nlr->...nl", q, table, onehot)
    return torch.einsum("...nd,...ld->...nl", q / math.sqrt(q.size(-1)), k) + about / math.sqrt(q.size(-1))


def rel_shift(x):
    n, L = x.size(-2), x.size(-1)
    wide = torch.cat((x, torch.zeros(*x.shape[:-1], n, dtype=x.dtype)), dim=-1).flatten(-2)
    rows = [wide[..., i * (L + n) + n - 1 - i : i * (L + n) + n - 1 - i + L] for i in range(n)]
    return torch.stack(rows, dim=-2)


def xl_scores(q, k, R, u, v):
    n, L = q.size(-2), k.size(-2)
    token, place = torch.arange(L - n, L)[:, None], torch.arange(L)
    hidden = torch.zeros(n, L, dtype=q.dtype).masked_fill(place > token, -math.inf)
    S = (q + u) @ k.transpose(-1, -2) + rel_shift((q + v) @ R.transpose(0, 1))
    return S / math.sqrt(q.size(-1)) + hidden

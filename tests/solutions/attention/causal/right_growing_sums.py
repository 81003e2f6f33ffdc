"""Right: an online softmax that walks over the keys, all queries at once."""

import torch


def causal(Q, K, V, offset=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    pos = torch.arange(n_q) + (n_k - n_q if offset is None else offset)
    top = torch.full(Q.shape[:-1] + (1,), -torch.inf, dtype=Q.dtype)
    total = torch.zeros_like(top)
    acc = torch.zeros(Q.shape[:-1] + V.shape[-1:], dtype=Q.dtype)
    for j in range(n_k):
        s = (Q * K[..., j : j + 1, :]).sum(-1, keepdim=True) / Q.shape[-1] ** 0.5
        sees = (pos >= j)[:, None]
        new = torch.where(sees, torch.maximum(top, s.detach()), top)
        shift = torch.where(new.isinf(), 0.0, new)
        keep = (top - shift).exp()
        share = torch.where(sees, torch.where(sees, s - shift, 0.0).exp(), 0.0)
        total, acc, top = total * keep + share, acc * keep + share * V[..., j : j + 1, :], new
    return acc / torch.where(total == 0, 1.0, total)

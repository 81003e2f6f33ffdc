"""Style: tiles of queries and of keys, filled into results made before; a finite start instead of minus infinity."""

import torch


def flash_forward(Q, K, V, block, mask=None):
    n_q, n_k = Q.shape[-2], K.shape[-2]
    O = torch.empty(*Q.shape[:-1], V.shape[-1], dtype=Q.dtype)
    L = torch.empty(Q.shape[:-1], dtype=Q.dtype)
    low = torch.finfo(Q.dtype).min
    for i in range(0, n_q, 500):
        q = Q[..., i : i + 500, :]
        m = torch.full(q.shape[:-1], low, dtype=Q.dtype)
        l, acc = torch.zeros_like(m), torch.zeros(*q.shape[:-1], V.shape[-1], dtype=Q.dtype)
        for j in range(0, n_k, block):
            s = q @ K[..., j : j + block, :].mT / Q.shape[-1] ** 0.5
            if mask is not None:
                s = s.masked_fill(~mask[i : i + 500, j : j + block], -torch.inf)
            new = torch.maximum(m, s.amax(-1))
            p, c = (s - new.unsqueeze(-1)).exp(), (m - new).exp()
            l, acc, m = c * l + p.sum(-1), c.unsqueeze(-1) * acc + p @ V[..., j : j + block, :], new
        seen = l > 0
        O[..., i : i + 500, :] = torch.where(seen[..., None], acc / torch.where(seen, l, 1.0)[..., None], 0.0)
        L[..., i : i + 500] = torch.where(seen, m + l.log(), -torch.inf)
    return O, L

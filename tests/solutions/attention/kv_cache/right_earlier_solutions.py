"""Style: leans on the earlier exercises; an additive mask, written-out rotation positions as a table."""

import torch
from attention.masking import attend
from positional_encoding.rope import rope


def decode(x, cache, W_q, W_k, W_v, W_o, n_heads, pad=None):
    old = [] if cache is None else [cache]
    n_past = sum(k.size(2) for k, _ in old)
    pos = n_past + torch.arange(x.size(1)).repeat(len(x), 1)

    def heads(W):
        return torch.einsum("bnd,dhe->bhne", x, W.unflatten(1, (n_heads, -1)))

    K = torch.cat([k for k, _ in old] + [rope(heads(W_k), pos[:, None])], -2)
    V = torch.cat([v for _, v in old] + [heads(W_v)], -2)
    S = rope(heads(W_q), pos[:, None]) @ K.mT * (K.size(-1) ** -0.5)
    column = torch.arange(K.size(2))
    start = torch.zeros(len(x), dtype=torch.long) if pad is None else pad
    hide = (column > pos[..., None]) | (column < start[:, None, None])
    mask = torch.where(hide, -torch.inf, 0.0).to(x.dtype)[:, None]
    return torch.einsum("bhne,hed->bnd", attend(S, V, mask), W_o.unflatten(0, (n_heads, -1))), (K, V)


def select(cache, index):
    picked = torch.stack(cache).index_select(1, index)
    return picked[0], picked[1]

"""Wrong: banded is written for matrices and for one batch axis, not for batch and heads."""
# says: number of subscripts

import torch


def sliding(n_q, n_k, window, dilation=1, causal=True):
    q = torch.arange(n_q).unsqueeze(1) + (n_k - n_q)
    k = torch.arange(n_k).unsqueeze(0)
    steps = torch.div(q - k, dilation, rounding_mode="floor")
    on_grid = (q - k).remainder(dilation).eq(0)
    if causal:
        return on_grid & steps.ge(0) & steps.lt(window)
    return on_grid & steps.abs().lt(window)


def block_sparse(layout, block, n_q, n_k):
    queries = torch.tensor([i // block for i in range(n_q)])
    keys = torch.tensor([j // block for j in range(n_k)])
    return layout.index_select(0, queries).index_select(1, keys)


def banded(Q, K, V, window):
    if Q.dim() == 2:
        return banded(Q[None], K[None], V[None], window)[0]
    b, n, d = Q.shape[0], Q.shape[1], Q.shape[2]
    w = int(min(window, n))
    index = torch.arange(n)[:, None] - torch.arange(w)
    S = torch.einsum("bnd,bnwd->bnw", Q, K[:, index.clamp(min=0)]) / d**0.5
    A = S.masked_fill(index < 0, -torch.inf).softmax(-1)
    return torch.einsum("bnw,bnwd->bnd", A, V[:, index.clamp(min=0)])

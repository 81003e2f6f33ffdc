"""Wrong: the layout is enlarged only as far as full blocks go; the last tokens stay hidden."""
# says: You fill full blocks only

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
    mask = torch.zeros(n_q, n_k, dtype=torch.bool)
    for r in range(n_q // block):
        for c in range(n_k // block):
            mask[r * block : (r + 1) * block, c * block : (c + 1) * block] = layout[r, c]
    return mask


def banded(Q, K, V, window):
    n = Q.shape[-2]
    w = min(window, n)
    columns = []
    for back in range(int(w)):
        score = (Q[..., back:, :] * K[..., : n - back, :]).sum(-1) / Q.shape[-1] ** 0.5
        nothing = score.new_full((*score.shape[:-1], back), -torch.inf)
        columns.append(torch.cat([nothing, score], dim=-1))
    weights = torch.stack(columns, dim=-1).softmax(dim=-1)
    result = weights[..., 0, None] * V
    for back in range(1, int(w)):
        part = weights[..., back:, back, None] * V[..., : n - back, :]
        result = result + torch.cat([torch.zeros_like(V[..., :back, :]), part], dim=-2)
    return result

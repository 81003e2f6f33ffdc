"""Style: einsum with the weights cut into heads; where a sequence has no real token, its weights are multiplied by 0."""

import torch


def cross(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    W_q, W_k, W_v = (W.unflatten(1, (n_heads, -1)) for W in (W_q, W_k, W_v))
    q = torch.einsum("bnm,mhd->bhnd", x, W_q)
    k = torch.einsum("bnm,mhd->bhnd", memory, W_k)
    v = torch.einsum("bnm,mhd->bhnd", memory, W_v)
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5
    if mem_mask is None:
        weights = scores.softmax(-1)
    else:
        real = mem_mask[:, None, None, :]
        weights = scores.masked_fill(~real, torch.finfo(x.dtype).min).softmax(-1) * real
    heads = torch.einsum("bhqk,bhkd->bqhd", weights, v)
    return torch.einsum("bqhd,hdm->bqm", heads, W_o.unflatten(0, (n_heads, -1)))

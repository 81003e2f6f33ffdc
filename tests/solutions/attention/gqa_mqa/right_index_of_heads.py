"""Right: a table of heads indexes keys and values, the additive mask is made finite where a row has nothing, pooling is a matrix."""

import math

import torch


def gqa(Q, K, V, mask=None):
    h, g = Q.size(1), K.size(1)
    if g == 0 or h % g > 0:
        raise ValueError(f"cannot share {g} among {h}")
    table = torch.arange(h).div(h // g, rounding_mode="floor")
    logits = torch.einsum("bhqd,bhkd->bhqk", Q, K[:, table]) / math.sqrt(Q.size(-1))
    if mask is None:
        return torch.einsum("bhqk,bhkv->bhqv", logits.softmax(-1), V[:, table])
    alive = mask.any(-1, keepdim=True)
    logits = torch.where(mask, logits, torch.where(alive, -torch.inf, 0.0).to(Q.dtype))
    return torch.einsum("bhqk,bhkv->bhqv", logits.softmax(-1) * alive, V[:, table])


def pool(W, n_heads, n_kv):
    if n_heads % n_kv:
        raise ValueError("uneven")
    r, d = n_heads // n_kv, W.size(1) // n_heads
    mean = torch.kron(torch.eye(n_kv, dtype=W.dtype).repeat_interleave(r, 0) / r, torch.eye(d, dtype=W.dtype))
    return W @ mean

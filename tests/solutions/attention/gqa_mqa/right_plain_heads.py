"""Style: a beginner's loop over the query heads, and over the blocks of columns."""

import torch


def gqa(Q, K, V, mask=None):
    batch, h, n_q, d_k = Q.shape
    g, n_k = K.shape[1], K.shape[2]
    if h % g != 0:
        raise ValueError(f"{g} key-value heads do not divide {h} query heads")
    r = h // g
    if mask is not None:
        mask = mask.broadcast_to(batch, h, n_q, n_k)
    heads = []
    for i in range(h):
        k, v = K[:, i // r], V[:, i // r]
        scores = Q[:, i] @ k.transpose(1, 2) / d_k**0.5
        if mask is None:
            weights = scores.softmax(dim=-1)
        else:
            seen = mask[:, i]
            empty = ~seen.any(dim=-1, keepdim=True)
            scores = scores.masked_fill(~seen, float("-inf")).masked_fill(empty, 0.0)
            weights = scores.softmax(dim=-1).masked_fill(~seen, 0.0)
        heads.append(weights @ v)
    return torch.stack(heads, dim=1)


def pool(W, n_heads, n_kv):
    if n_heads % n_kv != 0:
        raise ValueError(f"{n_kv} does not divide {n_heads}")
    r = n_heads // n_kv
    blocks = W.chunk(n_heads, dim=1)
    means = []
    for c in range(n_kv):
        total = blocks[c * r]
        for block in blocks[c * r + 1 : (c + 1) * r]:
            total = total + block
        means.append(total / r)
    return torch.cat(means, dim=1)

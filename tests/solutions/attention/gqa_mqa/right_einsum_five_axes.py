"""Style: einsum with an axis for the groups and one for the heads within; keys and values are not repeated."""

import torch


def gqa(Q, K, V, mask=None):
    (batch, h, n_q, d_k), (g, n_k) = Q.shape, K.shape[1:3]
    if h % g:
        raise ValueError("the number of key-value heads must divide that of query heads")
    grouped = Q.unflatten(1, (g, h // g))
    scores = torch.einsum("bgrqd,bgkd->bgrqk", grouped, K) / d_k**0.5
    if mask is None:
        weights = torch.softmax(scores, -1)
    else:
        seen = mask.expand(batch, h, n_q, n_k).unflatten(1, (g, h // g))
        weights = torch.softmax(torch.where(seen, scores, torch.finfo(Q.dtype).min), -1)
        weights = torch.where(seen, weights, 0)
    return torch.einsum("bgrqk,bgkd->bgrqd", weights, V).flatten(1, 2)


def pool(W, n_heads, n_kv):
    if n_heads % n_kv:
        raise ValueError("n_kv must divide n_heads")
    return W.unflatten(1, (n_kv, n_heads // n_kv, -1)).mean(2).flatten(1)

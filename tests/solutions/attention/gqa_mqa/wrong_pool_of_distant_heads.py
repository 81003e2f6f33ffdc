"""Wrong: pool averages heads that lie n_kv apart, not neighbours, though gqa groups neighbours."""
# says: pool averages every n_kv-th head

import torch


def gqa(Q, K, V, mask=None):
    if Q.shape[1] % K.shape[1] != 0:
        raise ValueError("g must divide h")
    r = Q.shape[1] // K.shape[1]
    K, V = K.repeat_interleave(r, 1), V.repeat_interleave(r, 1)
    scores = Q @ K.mT / Q.shape[-1] ** 0.5
    if mask is None:
        return scores.softmax(-1) @ V
    empty = ~mask.any(-1, keepdim=True)
    weights = scores.masked_fill(~mask, -torch.inf).masked_fill(empty, 0).softmax(-1)
    return weights.masked_fill(empty, 0) @ V


def pool(W, n_heads, n_kv):
    if n_heads % n_kv != 0:
        raise ValueError("n_kv must divide n_heads")
    d_head = W.shape[1] // n_heads
    return W.reshape(W.shape[0], n_heads // n_kv, n_kv * d_head).mean(1)

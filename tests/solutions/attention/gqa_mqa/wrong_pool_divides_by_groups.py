"""Wrong: pool divides the sum of a group by the number of groups, not by the number of heads in one."""
# says: In `pool` you divide the sum of a group by the number of groups

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
    blocks = W.reshape(W.shape[0], n_kv, n_heads // n_kv, d_head)
    return (blocks.sum(2) / n_kv).reshape(W.shape[0], n_kv * d_head)

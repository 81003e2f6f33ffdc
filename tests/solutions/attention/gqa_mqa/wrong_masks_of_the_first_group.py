"""Wrong: the masks of the first group are used for all groups."""
# says: You use the masks of the first group's heads for all groups

import torch


def gqa(Q, K, V, mask=None):
    h, g = Q.shape[1], K.shape[1]
    if h % g:
        raise ValueError("heads")
    r = h // g
    q = Q.unflatten(1, (g, r))
    s = q @ K[:, :, None].mT / Q.shape[-1] ** 0.5
    if mask is not None:
        mask = mask.expand(Q.shape[0], h, Q.shape[2], K.shape[2])[:, :r].unsqueeze(1)
        a = s.masked_fill(~mask, -torch.inf).softmax(-1).masked_fill(~mask, 0.0)
    else:
        a = s.softmax(-1)
    return (a @ V[:, :, None]).flatten(1, 2)


def pool(W, n_heads, n_kv):
    if n_heads % n_kv:
        raise ValueError("heads")
    return W.unflatten(1, (n_kv, n_heads // n_kv, -1)).mean(2).flatten(1)

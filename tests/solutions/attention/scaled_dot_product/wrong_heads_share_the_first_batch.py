"""Wrong: folds the leading axes with a loop over the first one only, so more than one of them is not supported."""
# says: Your code works for plain matrices and for one leading axis, and fails with

import torch


def single(q, k, v, keep):
    S = q @ k.T / q.shape[-1] ** 0.5
    return S.masked_fill(~keep, torch.finfo(S.dtype).min).softmax(-1).masked_fill(~keep, 0.0) @ v


def sdpa(Q, K, V, mask=None):
    keep = torch.ones((), dtype=torch.bool) if mask is None else mask
    keep = keep.expand(*Q.shape[:-1], K.shape[-2])
    if Q.dim() == 2:
        return single(Q, K, V, keep)
    return torch.stack([single(Q[b], K[b], V[b], keep[b]) for b in range(len(Q))])

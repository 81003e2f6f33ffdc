"""Wrong: takes every mask with three axes for (batch, n_q, n_k) and puts an axis for the heads into it."""
# says: You put an axis for the heads into every mask with three axes

import math

import torch


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, -1) @ V
    if mask.dim() == 3:
        mask = mask[:, None]
    A = torch.softmax(S.masked_fill(~mask, torch.finfo(S.dtype).min), -1)
    return A.masked_fill(~mask, 0.0) @ V

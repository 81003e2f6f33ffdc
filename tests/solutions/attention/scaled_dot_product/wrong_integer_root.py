"""Wrong: divides by math.isqrt(d_k), which is the root only where d_k is a square."""
# says: You divide by a root rounded down to an integer

import math

import torch


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / math.isqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, -1) @ V
    A = torch.softmax(S.masked_fill(~mask, torch.finfo(S.dtype).min), -1)
    return A.masked_fill(~mask, 0.0) @ V

"""Style: -inf and softmax, the NaN of empty rows replaced by torch.where; masked_fill keeps it out of the gradients."""

import torch


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if mask is None:
        return S.softmax(-1) @ V
    A = S.masked_fill(~mask, float("-inf")).softmax(-1)
    return torch.where(mask, A, torch.zeros_like(A)) @ V

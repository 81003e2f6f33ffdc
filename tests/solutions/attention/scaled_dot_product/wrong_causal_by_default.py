"""Wrong: without a mask each query looks only at the keys before it, as in a decoder."""
# says: Without a mask each of your queries sees only the keys up to its own place, as

import torch


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if mask is None:
        mask = torch.ones(S.shape[-2:], dtype=torch.bool).tril()
    return S.masked_fill(~mask, torch.finfo(S.dtype).min).softmax(-1).masked_fill(~mask, 0.0) @ V

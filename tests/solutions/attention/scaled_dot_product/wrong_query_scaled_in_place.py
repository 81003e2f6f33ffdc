"""Wrong: scales the queries in place, and so changes its caller's tensor."""
# says: You scale Q in place behind autograd's back

import torch


def sdpa(Q, K, V, mask=None):
    with torch.no_grad():
        Q /= Q.shape[-1] ** 0.5
    S = Q @ K.mT
    if mask is None:
        return S.softmax(-1) @ V
    return S.masked_fill(~mask, torch.finfo(S.dtype).min).softmax(-1).masked_fill(~mask, 0.0) @ V

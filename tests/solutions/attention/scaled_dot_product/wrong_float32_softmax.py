"""Wrong: softmax in float32 'for stability', cast back; float64 arguments lose half of their digits."""
# says: You compute the softmax in float32, although the arguments are float64

import torch


def sdpa(Q, K, V, mask=None):
    S = Q @ K.mT / Q.shape[-1] ** 0.5
    if mask is not None:
        S = S.masked_fill(~mask, torch.finfo(torch.float32).min)
    A = torch.softmax(S, dim=-1, dtype=torch.float32).to(V.dtype)
    return (A if mask is None else A.masked_fill(~mask, 0.0)) @ V

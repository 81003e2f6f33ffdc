"""Wrong: NaN in the scores is cleaned first, infinities stay and minus infinity is added."""
# says: inf

import torch


def masked_softmax(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    bias = torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else mask
    S = torch.where(S.isnan(), 0.0, S) + bias
    A = torch.softmax(S, dim=-1)
    return torch.where((bias == -torch.inf).expand(S.shape).all(-1, keepdim=True), 0.0, A)


def attend(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        hidden = ~mask if mask.dtype == torch.bool else mask == -torch.inf
        V = torch.where(hidden.expand(S.shape).all(-2)[..., None], 0.0, V)
    return A @ V

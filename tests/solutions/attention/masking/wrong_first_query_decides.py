"""Wrong: a value is cleared if the first query may not see it."""
# says: You clear the values that the first query may not see

import torch


def hidden(mask):
    return ~mask if mask.dtype == torch.bool else mask == -torch.inf


def masked_softmax(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    if mask.dtype != torch.bool:
        S = S + mask
    return torch.softmax(S.masked_fill(hidden(mask), -torch.inf), dim=-1).masked_fill(hidden(mask), 0.0)


def attend(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        V = V.masked_fill(hidden(mask).expand(S.shape)[..., :1, :].mT, 0.0)
    return A @ V

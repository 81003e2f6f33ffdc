"""Wrong: the sum gets a small number added, against dividing by zero."""
# says: You add a small number to the sum of the weights, against dividing by zero

import torch


def masked_softmax(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    hidden = ~mask if mask.dtype == torch.bool else mask == -torch.inf
    S = S if mask.dtype == torch.bool else S + mask
    S = S.masked_fill(hidden, -torch.inf)
    top = S.max(dim=-1, keepdim=True).values.clamp(min=-1e30)
    E = (S - top).exp()
    return E / (E.sum(dim=-1, keepdim=True) + 1e-6)


def attend(S, V, mask=None):
    A = masked_softmax(S, mask)
    if mask is not None:
        hidden = ~mask if mask.dtype == torch.bool else mask == -torch.inf
        V = torch.where(hidden.expand(S.shape).all(-2)[..., None], 0.0, V)
    return A @ V

"""Right: log-sum-exp in float64, and a product that skips the values nobody sees."""

import torch


def _hidden(S, mask):
    if mask is None:
        mask = torch.ones((), dtype=torch.bool)
    return (mask.logical_not() if mask.dtype == torch.bool else mask.eq(-torch.inf)).expand(S.shape)


def masked_softmax(S, mask=None):
    hidden = _hidden(S, mask)
    x = S.double()
    if mask is not None and mask.dtype != torch.bool:
        x = x + mask.double()
    x = x.masked_fill(hidden, -torch.inf)
    if x.shape[-1] == 0:
        return S * 1.0
    z = torch.logsumexp(x.masked_fill(hidden.all(-1, keepdim=True), 0.0), dim=-1, keepdim=True)
    return (x - z).exp().to(S.dtype)


def attend(S, V, mask=None):
    weights = masked_softmax(S, mask)
    unseen = _hidden(S, mask).all(dim=-2, keepdim=True).mT
    return weights @ V.masked_fill(unseen, 0)

"""Wrong: replaces every NaN and infinity among the values by 0, also those that queries see."""
# says: What may be seen is cleaned up, too

import torch


def allowed(S, mask):
    if mask is None:
        return torch.ones(S.shape, dtype=torch.bool, device=S.device)
    return (mask if mask.dtype == torch.bool else mask != -torch.inf).expand(S.shape)


def masked_softmax(S, mask=None):
    seen = allowed(S, mask)
    scores = S if mask is None or mask.dtype == torch.bool else S + mask
    empty = ~seen.any(-1, keepdim=True)
    scores = scores.masked_fill(~seen, -torch.inf).masked_fill(empty, 0)
    return torch.softmax(scores, -1).masked_fill(~seen, 0)


def attend(S, V, mask=None):
    return masked_softmax(S, mask) @ torch.where(V.isfinite(), V, 0)

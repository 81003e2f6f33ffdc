"""Wrong: trusts an added minus infinity to hide any score, but NaN and +∞ make NaN with it."""
# says: Hidden scores may be NaN or infinite and leave no trace

import torch


def masked_softmax(S, mask=None):
    if mask is None:
        return torch.softmax(S, -1)
    if mask.dtype == torch.bool:
        seen = mask.expand(S.shape)
        scores = S.masked_fill(~seen, -torch.inf)
    else:
        seen = (mask != -torch.inf).expand(S.shape)
        scores = S + mask
    empty = ~seen.any(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(empty, 0), -1).masked_fill(~seen, 0)


def attend(S, V, mask=None):
    if mask is None:
        return masked_softmax(S) @ V
    seen = (mask if mask.dtype == torch.bool else mask != -torch.inf).expand(S.shape)
    return masked_softmax(S, mask) @ V.masked_fill(~seen.any(-2).unsqueeze(-1), 0)

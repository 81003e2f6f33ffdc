"""Wrong: clears a value only where no query of the whole batch sees its place, not where none of its own table does."""
# says: Values that no query may see may be NaN or infinite; each

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
    seen = allowed(S, mask)
    somebody = seen.flatten(0, -2).any(0)
    return masked_softmax(S, mask) @ V.masked_fill(~somebody.unsqueeze(-1), 0)

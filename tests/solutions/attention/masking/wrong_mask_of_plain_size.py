"""Wrong: the mask is transposed as if it always had all axes; a mask of one axis is refused."""
# says: A mask may be smaller

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
        V = V.masked_fill(hidden(mask).all(dim=-2)[..., None], 0.0)
    return A @ V

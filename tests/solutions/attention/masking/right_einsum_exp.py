"""Style: the exponentials written out in a wider type with where, the averages by einsum."""

import torch


def visible(S, mask):
    if mask is None:
        return torch.ones_like(S, dtype=torch.bool)
    seen = mask if mask.dtype == torch.bool else ~torch.isneginf(mask)
    return torch.broadcast_to(seen, S.shape)


def masked_softmax(S, mask=None):
    if S.numel() == 0:
        return S * 1
    seen = visible(S, mask)
    wide = torch.promote_types(S.dtype, torch.float32)
    scores = S.to(wide)
    if mask is not None and mask.dtype != torch.bool:
        scores = scores + mask.to(wide)
    empty = ~seen.any(-1, keepdim=True)
    top = torch.where(seen, scores, -torch.inf).amax(-1, keepdim=True).detach()
    gap = torch.where(seen, scores - torch.where(empty, 0, top), 0)
    parts = torch.where(seen, torch.exp(gap), 0)
    total = torch.where(empty, 1, parts.sum(-1, keepdim=True))
    return torch.where(seen, parts / total, 0).to(S.dtype)


def attend(S, V, mask=None):
    known = visible(S, mask).any(-2).unsqueeze(-1)
    return torch.einsum("...qk,...kd->...qd", masked_softmax(S, mask), torch.where(known, V, 0))

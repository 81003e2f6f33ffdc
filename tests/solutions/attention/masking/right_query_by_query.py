"""Style: a loop over the queries; each softmax runs over the scores that are left, and these are put in their places."""

import torch


def masked_softmax(S, mask=None):
    if mask is None:
        return torch.softmax(S, dim=-1)
    n_k = S.shape[-1]
    rows = S.reshape(S.shape[:-1].numel(), n_k)
    masks = mask.expand(S.shape).reshape(rows.shape)
    done = [rows[:0]]
    for row, m in zip(rows, masks, strict=True):
        if m.dtype == torch.bool:
            where = m.nonzero()[:, 0]
            left = row[where].double()
        else:
            where = (m != -torch.inf).nonzero()[:, 0]
            left = row[where].double() + m[where].double()
        weights = torch.softmax(left, dim=0).to(S.dtype)
        done.append(torch.zeros(n_k, dtype=S.dtype, device=S.device).index_add(0, where, weights)[None])
    return torch.cat(done).reshape(S.shape)


def attend(S, V, mask=None):
    weights = masked_softmax(S, mask)
    if mask is not None:
        seen = mask if mask.dtype == torch.bool else mask != -torch.inf
        nobody = ~seen.expand(S.shape).any(dim=-2)
        V = V.masked_fill(nobody[..., None], 0)
    return weights @ V

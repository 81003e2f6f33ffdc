"""Style: a helper for one block; the values get a column of D, so that one product makes dP - D."""

import math

import torch


def one_block(q, do_and_d, lse, k, v, seen):
    score = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    usable = torch.isfinite(lse)[..., None].expand(score.shape)
    if seen is not None:
        usable = usable & seen
    weight = torch.where(usable, score - lse[..., None], -math.inf).exp()
    v_and_one = torch.cat((v, -v.new_ones(*v.shape[:-1], 1)), dim=-1)
    slope = weight * torch.einsum("...iv,...jv->...ij", do_and_d, v_and_one) / math.sqrt(q.shape[-1])
    dv = torch.einsum("...ij,...iv->...jv", weight, do_and_d[..., :-1])
    return torch.einsum("...ij,...jd->...id", slope, k), torch.einsum("...ij,...id->...jd", slope, q), dv


def flash_backward(dO, Q, K, V, O, L, block, mask=None):
    both = torch.cat((dO, torch.linalg.vecdot(dO, O)[..., None]), dim=-1)
    dQ, dK, dV = (torch.zeros(t.shape, dtype=t.dtype) for t in (Q, K, V))
    for j in range(0, K.shape[-2], block):
        seen = None if mask is None else mask[:, j : j + block]
        dq, dk, dv = one_block(Q, both, L, K[..., j : j + block, :], V[..., j : j + block, :], seen)
        dQ, dK[..., j : j + block, :], dV[..., j : j + block, :] = dQ + dq, dk, dv
    return dQ, dK, dV

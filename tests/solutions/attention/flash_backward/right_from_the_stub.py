"""Slices of keys; D from dO and O, and rows that see nothing get a large L so that their weights are 0."""

import torch
from torch import Tensor


def flash_backward(
    dO: Tensor, Q: Tensor, K: Tensor, V: Tensor, O: Tensor, L: Tensor, block: int, mask: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    n_k, d_k = K.shape[-2:]
    root = d_k**0.5
    D = (dO * O).sum(-1, keepdim=True)
    blind = (L == -torch.inf)[..., None]
    top = L[..., None].masked_fill(blind, 0.0)
    dQ = torch.zeros_like(Q)
    dK = torch.zeros_like(K)
    dV = torch.zeros_like(V)
    for a in range(0, n_k, block):
        here = slice(a, a + block)
        k, v = K[..., here, :], V[..., here, :]
        s = (Q @ k.transpose(-1, -2)) / root
        hidden = blind if mask is None else blind | ~mask[:, here]
        p = s.sub_(top).masked_fill_(hidden, -torch.inf).exp_()
        dV[..., here, :] = p.transpose(-1, -2) @ dO
        ds = (dO @ v.transpose(-1, -2)).sub_(D).mul_(p)
        dQ += ds @ k / root
        dK[..., here, :] = ds.transpose(-1, -2) @ Q / root
    return dQ, dK, dV

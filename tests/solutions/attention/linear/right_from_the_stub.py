"""Chunks of tokens where causal: what came before is read from the state, the chunk itself through a small triangle."""

import torch
from torch import Tensor


def phi(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def _outer(k: Tensor, v: Tensor) -> Tensor:
    return k.unsqueeze(-1) * v.unsqueeze(-2)


def parallel(Q: Tensor, K: Tensor, V: Tensor, causal: bool = False) -> Tensor:
    q, k = phi(Q), phi(K)
    if not causal:
        S, z = k.mT @ V, k.sum(dim=-2)
        return q @ S / (q @ z.unsqueeze(-1))
    chunk = 64
    S, z = 0.0, 0.0
    pieces = []
    for a in range(0, k.shape[-2], chunk):
        qc, kc, vc = q[..., a : a + chunk, :], k[..., a : a + chunk, :], V[..., a : a + chunk, :]
        near = (qc @ kc.mT).tril()
        top = near @ vc
        bottom = near.sum(dim=-1, keepdim=True)
        if a > 0:
            top = top + qc @ S
            bottom = bottom + qc @ z.unsqueeze(-1)
        pieces.append(top / bottom)
        S = S + kc.mT @ vc
        z = z + kc.sum(dim=-2)
    return torch.cat(pieces, dim=-2)


def step(state: tuple[Tensor, Tensor] | None, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    q, k = phi(q), phi(k)
    if state is None:
        S, z = _outer(k, v), k
    else:
        S, z = state
        S = S + _outer(k, v)
        z = z + k
    top = (q.unsqueeze(-2) @ S).squeeze(-2)
    bottom = (q * z).sum(dim=-1, keepdim=True)
    return top / bottom, (S, z)

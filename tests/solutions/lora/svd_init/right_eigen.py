"""By the eigenvectors of Wᵀ W in float64; u = W v / σ."""

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    M = W.detach().double()
    values, vectors = torch.linalg.eigh(M.T @ M if M.shape[0] >= M.shape[1] else M @ M.T)
    chosen = vectors.flip(1)[:, :r]
    sigma = values.flip(0)[:r].clamp(min=0).sqrt()
    if M.shape[0] >= M.shape[1]:
        V, U = chosen, M @ chosen / sigma
    else:
        U, V = chosen, M.T @ chosen / sigma
    A = ((sigma / scaling).sqrt() * V).T.to(W.dtype)
    B = ((sigma / scaling).sqrt() * U).to(W.dtype)
    return (M - scaling * B.double() @ A.double()).to(W.dtype), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svdvals(W.detach().double()) ** 2
    held, total = 0.0, float(squares.sum())
    for r in range(len(squares) if total > 0 else 0):
        held += float(squares[r])
        if held >= energy * total:
            return r + 1
    return 0 if total == 0 else len(squares)

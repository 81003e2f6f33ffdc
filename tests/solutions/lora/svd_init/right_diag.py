"""Diagonal matrices, float64 throughout, the transposed factors handed back as contiguous tensors."""

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    with torch.no_grad():
        U, S, Vh = torch.linalg.svd(W.double())
        root = torch.diag(torch.sqrt(S[:r] / scaling))
        A = (root @ Vh[:r, :]).to(W.dtype)
        B = (U[:, :r] @ root).to(W.dtype)
        residual = W.double() - (B.double() @ A.double()) * scaling
        return residual.to(W.dtype), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svdvals(W.detach().double()) ** 2
    held, total = 0.0, float(squares.sum())
    for r in range(len(squares) if total > 0 else 0):
        held += float(squares[r])
        if held >= energy * total:
            return r + 1
    return 0 if total == 0 else len(squares)

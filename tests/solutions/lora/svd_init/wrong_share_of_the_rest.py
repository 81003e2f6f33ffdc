"""More than the share is asked for in the sum of the rest: energy left over at most `energy`."""
# says: the rank for 0.05 of the energy

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    M = W.detach().float() if W.dtype is not torch.float64 else W.detach()
    U, S, Vh = torch.linalg.svd(M, full_matrices=False)
    root = (S[:r] / scaling).sqrt()
    A, B = (root[:, None] * Vh[:r]).to(W.dtype), (U[:, :r] * root).to(W.dtype)
    return (M - scaling * B.to(M.dtype) @ A.to(M.dtype)).to(W.dtype), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svdvals(W.detach().double()) ** 2
    left = squares.sum() - squares.cumsum(0)
    return 0 if not squares.any() else int((left > energy * squares.sum()).sum()) + 1

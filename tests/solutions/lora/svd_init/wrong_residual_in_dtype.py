"""The product of the rounded factors is worked out in bfloat16 too."""
# says: In bfloat16 W_res + 1 · B A misses W

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    M = W.detach().float() if W.dtype is not torch.float64 else W.detach()
    U, S, Vh = torch.linalg.svd(M, full_matrices=False)
    root = (S[:r] / scaling).sqrt()
    A, B = (root[:, None] * Vh[:r]).to(W.dtype), (U[:, :r] * root).to(W.dtype)
    return W.detach() - scaling * (B @ A), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svdvals(W.detach().double()) ** 2
    held, total = 0.0, float(squares.sum())
    for r in range(len(squares) if total > 0 else 0):
        held += float(squares[r])
        if held >= energy * total:
            return r + 1
    return 0 if total == 0 else len(squares)

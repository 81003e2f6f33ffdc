"""B starts at zero as in plain LoRA: nothing principal is in the adapter."""
# says: s · B A for W of shape (9, 6)

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    return W.detach().clone(), torch.randn(r, W.shape[1], dtype=W.dtype), W.new_zeros(W.shape[0], r).detach()


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svdvals(W.detach().double()) ** 2
    held, total = 0.0, float(squares.sum())
    for r in range(len(squares) if total > 0 else 0):
        held += float(squares[r])
        if held >= energy * total:
            return r + 1
    return 0 if total == 0 else len(squares)

"""Wrong: subtracts the product of the factors as they were before they were rounded to the dtype of W."""
# says: You subtract the product of the factors before they are

import torch
from torch import Tensor


def _wide(W: Tensor) -> Tensor:
    W = W.detach()
    return W.float() if W.dtype == torch.bfloat16 else W


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    wide = _wide(W)
    U, sigma, Vh = torch.linalg.svd(wide, full_matrices=False)
    half = torch.sqrt(sigma[:r] / scaling)
    B = U[:, :r] * half
    A = half[:, None] * Vh[:r]
    return (wide - scaling * (B @ A)).to(W.dtype), A.to(W.dtype), B.to(W.dtype)


def rank_for_energy(W: Tensor, energy: float) -> int:
    sigma = torch.linalg.svdvals(_wide(W).double())
    if sigma.max() == 0:
        return 0
    squares = (sigma / sigma[0]) ** 2
    share = squares.cumsum(0) / squares.sum()
    return min(int((share < energy).sum()) + 1, sigma.numel())

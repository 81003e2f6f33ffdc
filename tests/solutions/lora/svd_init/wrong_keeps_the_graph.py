"""Wrong: does not detach W, so that the results of a parameter require gradients."""
# says: W_res requires a gradient

import torch
from torch import Tensor


def _wide(W: Tensor) -> Tensor:
    return W.float() if W.dtype == torch.bfloat16 else W


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    wide = _wide(W)
    U, sigma, Vh = torch.linalg.svd(wide, full_matrices=False)
    half = torch.sqrt(sigma[:r] / scaling)
    B = (U[:, :r] * half).to(W.dtype)
    A = (half[:, None] * Vh[:r]).to(W.dtype)
    product = B.to(wide.dtype) @ A.to(wide.dtype)
    return (wide - scaling * product).to(W.dtype), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    sigma = torch.linalg.svdvals(_wide(W).double())
    if sigma.max() == 0:
        return 0
    squares = (sigma / sigma[0]) ** 2
    share = squares.cumsum(0) / squares.sum()
    return min(int((share < energy).sum()) + 1, sigma.numel())

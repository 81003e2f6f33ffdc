"""einsum, the roots in both factors, and a search in the cumulative shares."""

import torch
from torch import Tensor


def pissa(W: Tensor, r: int, scaling: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    M = W.detach().to(torch.float64 if W.dtype is torch.float64 else torch.float32)
    U, S, Vh = torch.linalg.svd(M, full_matrices=False)
    root = torch.sqrt(S / scaling)[:r]
    A = torch.einsum("r,ri->ri", root, Vh[:r]).to(W.dtype)
    B = torch.einsum("or,r->or", U[:, :r], root).to(W.dtype)
    return (M - scaling * torch.einsum("or,ri->oi", B.to(M.dtype), A.to(M.dtype))).to(W.dtype), A, B


def rank_for_energy(W: Tensor, energy: float) -> int:
    squares = torch.linalg.svd(W.detach().double(), full_matrices=False)[1] ** 2
    if not squares.any():
        return 0
    share = torch.cumsum(squares, 0) / squares.sum()
    return int(torch.searchsorted(share, torch.tensor([energy], dtype=share.dtype))[0]) + 1

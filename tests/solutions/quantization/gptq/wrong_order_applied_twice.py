"""Wrong: the codes are permuted once more by the same order, instead of being put back by its inverse."""
# says: You permute the codes a second time the same way. To put

import torch
from torch import Tensor


def hessian(X: Tensor, damp: float) -> Tensor:
    H = 2.0 / X.shape[0] * (X.T @ X)
    diagonal = H.diagonal()
    diagonal[diagonal == 0] = 1.0
    diagonal += damp * diagonal.mean()
    return H


def inverse_factor(H: Tensor) -> Tensor:
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(H))
    return torch.linalg.cholesky(inverse, upper=True)


def quantize_block(W: Tensor, U: Tensor, scale: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    q_max = 2 ** (bits - 1) - 1
    w = W.clone()
    q = torch.zeros(W.shape, dtype=torch.int8, device=W.device)
    E = torch.zeros_like(W)
    s = scale[:, 0]
    for j in range(W.shape[1]):
        code = (w[:, j] / s).round().clamp(-q_max, q_max)
        q[:, j] = code.to(torch.int8)
        E[:, j] = (w[:, j] - s * code) / U[j, j]
        w[:, j + 1 :] -= E[:, j : j + 1] * U[j, j + 1 :]
    return q, E


def gptq(
    W: Tensor, X: Tensor, bits: int, block: int = 128, damp: float = 0.01, act_order: bool = False
) -> tuple[Tensor, Tensor]:
    largest = W.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))
    H = hessian(X, damp)
    K = W.shape[1]
    order = H.diagonal().argsort(descending=True) if act_order else torch.arange(K, device=W.device)
    w = W[:, order]
    U = inverse_factor(H[order][:, order])
    codes = []
    for a in range(0, K, block):
        b = min(a + block, K)
        q, E = quantize_block(w[:, a:b], U[a:b, a:b], scale, bits)
        w[:, b:] -= E @ U[a:b, b:]
        codes.append(q)
    return torch.cat(codes, dim=1)[:, order], scale

"""Wrong: the shift after a block is multiplied by the scale once more."""
# says: You multiply the shift of the columns after a block by the scale

import torch
from torch import Tensor


def hessian(X: Tensor, damp: float) -> Tensor:
    H = (X.T @ X) * 2 / X.shape[0]
    dead = torch.diag(H) == 0
    H[dead, dead] = 1
    i = torch.arange(H.shape[0])
    H[i, i] += damp * torch.diag(H).mean()
    return H


def inverse_factor(H: Tensor) -> Tensor:
    L = torch.linalg.cholesky(H)
    return torch.linalg.cholesky(torch.cholesky_inverse(L), upper=True)


def quantize_block(W: Tensor, U: Tensor, scale: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    top = 2 ** (bits - 1) - 1
    W = W.clone()
    codes, errors = [], []
    for i in range(W.shape[1]):
        w, d = W[:, i : i + 1], U[i, i]
        q = torch.clamp(torch.round(w / scale), -top, top)
        e = (w - q * scale) / d
        W[:, i:] -= e @ U[i : i + 1, i:]
        codes.append(q)
        errors.append(e)
    return torch.cat(codes, 1).to(torch.int8), torch.cat(errors, 1)


def gptq(W, X, bits, block=128, damp=0.01, act_order=False):
    W = W.clone()
    top = W.abs().max(dim=1, keepdim=True)[0]
    top[top == 0] = 2 ** (bits - 1) - 1
    scale = top / (2 ** (bits - 1) - 1)
    H = hessian(X, damp)
    columns = W.shape[1]
    if act_order:
        perm = torch.argsort(torch.diag(H), descending=True)
        W, H = W[:, perm], H[perm][:, perm]
        invperm = torch.argsort(perm)
    U = inverse_factor(H)
    Q = torch.zeros(W.shape, dtype=torch.int8)
    for i1 in range(0, columns, block):
        i2 = min(i1 + block, columns)
        Q[:, i1:i2], E = quantize_block(W[:, i1:i2], U[i1:i2, i1:i2], scale, bits)
        W[:, i2:] -= E.matmul(U[i1:i2, i2:]) * scale
    if act_order:
        Q = Q[:, invperm]
    return Q, scale


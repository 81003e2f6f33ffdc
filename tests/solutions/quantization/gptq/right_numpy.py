"""NumPy and SciPy-like steps: H⁻¹ turned round, factored from below and turned back."""

import numpy as np
import torch


def hessian(X, damp):
    x = X.numpy()
    H = np.einsum("ni,nj->ij", x, x) * 2 / x.shape[0]
    np.fill_diagonal(H, np.where(np.diag(H) == 0, 1, np.diag(H)))
    return torch.from_numpy((H + damp * np.diag(H).mean() * np.eye(len(H))).astype(x.dtype))


def inverse_factor(H):
    turned = np.linalg.cholesky(H.numpy()[::-1, ::-1].astype(np.float64))
    return torch.from_numpy(np.linalg.inv(turned)[::-1, ::-1].copy()).to(H.dtype)


def quantize_block(W, U, scale, bits):
    m = 2 ** (bits - 1) - 1
    w, u, s = W.numpy().copy(), U.numpy(), scale.numpy()[:, 0]
    q, E = np.zeros_like(w), np.zeros_like(w)
    for j in range(w.shape[1]):
        q[:, j] = np.minimum(np.maximum(np.rint(w[:, j] / s), -m), m)
        E[:, j] = (w[:, j] - q[:, j] * s) / u[j, j]
        w -= np.outer(E[:, j], u[j])
    return torch.from_numpy(q.astype(np.int8)), torch.from_numpy(E)


def gptq(W, X, bits, block=128, damp=0.01, act_order=False):
    m = 2 ** (bits - 1) - 1
    largest = np.abs(W.numpy()).max(1, keepdims=True)
    scale = torch.from_numpy(np.where(largest == 0, 1, largest / m).astype(W.numpy().dtype))
    H = hessian(X, damp)
    p = np.arange(W.shape[1])
    if act_order:
        p = np.argsort(-H.numpy().diagonal())
    U = inverse_factor(H[p][:, p])
    rest, q = W[:, p].clone(), []
    while rest.shape[1]:
        done = W.shape[1] - rest.shape[1]
        size = min(block, rest.shape[1])
        part, E = quantize_block(rest[:, :size], U[done : done + size, done : done + size], scale, bits)
        q.append(part)
        rest = rest[:, size:] - E @ U[done : done + size, done + size :]
    q = torch.cat(q, 1)
    out = torch.empty_like(q)
    out[:, p] = q
    return out, scale

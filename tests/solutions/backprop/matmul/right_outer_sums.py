"""Products written with broadcasting and sums only, no matrix product at all."""

import numpy as np


def matmul_back(dC, A, B):
    a = A[None] if A.ndim == 1 else A
    b = B[..., None] if B.ndim == 1 else B
    g = dC
    if B.ndim == 1:
        g = g[..., None]
    if A.ndim == 1:
        g = g[..., None, :]
    # The axes (..., n, k, m): each gradient is summed over the one it has not.
    dA = (g[..., :, None, :] * b[..., None, :, :]).sum(-1)
    dB = (a[..., :, :, None] * g[..., :, None, :]).sum(-3)
    out = []
    for grad, x, given in ((dA, a, A), (dB, b, B)):
        while grad.ndim > x.ndim:
            grad = grad.sum(0)
        ones = tuple(i for i in range(x.ndim - 2) if x.shape[i] == 1)
        out.append(grad.sum(ones, keepdims=True).reshape(given.shape))
    return tuple(out)

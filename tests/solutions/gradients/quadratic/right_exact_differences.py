"""Style: central differences with a step of one, which are exact on quadratics; in float64."""

import numpy as np


def grad(A, b, x):
    A64, b64, x64 = A.astype(np.float64), b.astype(np.float64), x.astype(np.float64)

    def f(z):
        return np.einsum("...i,ij,...j->...", z, A64, z) + z @ b64

    result = np.empty(x.shape, x.dtype)
    for k, e in enumerate(np.eye(len(b))):
        result[..., k] = (f(x64 + e) - f(x64 - e)) / 2
    return result

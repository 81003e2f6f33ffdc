"""Style: weights from the log of the row's sum, as kernels keep it; float64 inside, cast at the end."""

import numpy as np


def sdpa_backward(dO, Q, K, V, mask=None):
    kinds = [a.dtype for a in (Q, K, V)]
    dO, Q, K, V = (np.asarray(a, dtype=np.float64) for a in (dO, Q, K, V))
    T = lambda a: np.swapaxes(a, -1, -2)  # noqa: E731
    scale = 1 / np.sqrt(Q.shape[-1])
    S = (Q * scale) @ T(K)
    if mask is not None:
        S = np.where(mask, S, -np.inf)
    L = np.logaddexp.reduce(S, axis=-1, keepdims=True)
    P = np.exp(S - np.where(np.isneginf(L), 0, L))
    dP = dO @ T(V)
    dS = P * dP - P * (P * dP).sum(-1)[..., None]
    return tuple(a.astype(kind) for a, kind in zip((scale * dS @ K, scale * T(dS) @ Q, T(P) @ dO), kinds, strict=True))

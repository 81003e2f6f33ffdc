"""Wrong: the row's sum is taken of dO with V in place of dO with the output; it only runs for some shapes."""
# says: Your code raised

import numpy as np


def sdpa_backward(dO, Q, K, V, mask=None):
    T = lambda a: np.swapaxes(a, -1, -2)  # noqa: E731
    root = Q.shape[-1] ** 0.5
    S = Q @ T(K) / root
    keep = np.ones(S.shape, bool) if mask is None else np.broadcast_to(mask, S.shape)
    S = np.where(keep, S, -np.inf)
    m = S.max(-1, keepdims=True, initial=-np.inf)
    E = np.exp(S - np.where(m > -np.inf, m, 0.0))
    Z = E.sum(-1, keepdims=True)
    P = E / np.where(Z > 0, Z, 1.0)
    dV = T(P) @ dO
    dP = dO @ T(V)
    D = np.sum(dO * V, -1, keepdims=True)
    dS = P * (dP - D) / root
    return dS @ K, T(dS) @ Q, dV

"""Wrong: hides keys with a score of -10,000, so a kept key that scores lower loses to it."""
# says: score about -20,000

import numpy as np


def sdpa_backward(dO, Q, K, V, mask=None):
    T = lambda a: np.swapaxes(a, -1, -2)  # noqa: E731
    root = Q.shape[-1] ** 0.5
    S = Q @ T(K) / root
    keep = np.ones(S.shape, bool) if mask is None else np.broadcast_to(mask, S.shape)
    S = np.where(keep, S, np.asarray(-1e4, S.dtype))
    m = S.max(-1, keepdims=True, initial=-np.inf)
    E = np.exp(S - np.where(m > -np.inf, m, 0.0))
    Z = E.sum(-1, keepdims=True)
    P = E / np.where(Z > 0, Z, 1.0)
    dV = T(P) @ dO
    dP = dO @ T(V)
    P = P * keep
    dV = T(P) @ dO
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / root
    return dS @ K, T(dS) @ Q, dV

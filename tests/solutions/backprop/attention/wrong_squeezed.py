"""Wrong: drops axes of size one from the gradients."""
# says: shape

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
    dS = P * (dP - np.sum(P * dP, -1, keepdims=True)) / root
    return (dS @ K).squeeze(), (T(dS) @ Q).squeeze(), dV.squeeze()

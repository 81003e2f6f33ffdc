"""Wrong: hidden keys get the score -1e9 and not minus infinity, so a query that sees nothing sees all alike."""
# says: A query that may look at no key gets equal weights for all

import math

import numpy as np


def weights(Q: np.ndarray, K: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    S = Q @ K.swapaxes(-1, -2) / math.sqrt(Q.shape[-1])
    if mask is not None:
        S = np.where(mask, S, S.dtype.type(-1e9))
    top = S.max(axis=-1, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    E = np.exp(S - top)
    total = E.sum(axis=-1, keepdims=True)
    return E / np.where(total > 0, total, np.ones_like(total))


def sdpa_backward(
    dO: np.ndarray, Q: np.ndarray, K: np.ndarray, V: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    P = weights(Q, K, mask)
    dV = P.swapaxes(-1, -2) @ dO
    dP = dO @ V.swapaxes(-1, -2)
    dS = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
    scale = 1 / math.sqrt(Q.shape[-1])
    dQ = dS @ K * scale
    dK = dS.swapaxes(-1, -2) @ Q * scale
    return dQ, dK, dV

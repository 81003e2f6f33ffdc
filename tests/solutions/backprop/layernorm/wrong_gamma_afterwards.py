"""Wrong: γ is multiplied on at the end, outside the two means."""
# says: You multiply with γ after taking the means away. γ belongs to

from typing import Any

import numpy as np


def ln_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float) -> tuple[np.ndarray, Any]:
    centred = x - x.mean(axis=-1, keepdims=True)
    var = (centred**2).mean(axis=-1, keepdims=True)
    std = np.sqrt(var + eps)
    inv = 1 / np.where(std > 0, std, np.ones_like(std))
    xhat = centred * inv
    return gamma * xhat + beta, (xhat, inv, gamma.copy())


def ln_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xhat, inv, gamma = cache
    tokens = tuple(range(dy.ndim - 1))
    dgamma = (dy * xhat).sum(axis=tokens)
    dbeta = dy.sum(axis=tokens)
    g = dy
    dx = (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) * inv * gamma
    return dx, dgamma, dbeta

"""Wrong: the variance is the mean of the squares less the square of the mean."""
# says: Your variance is the mean of x² less μ². Far from zero both

from typing import Any

import numpy as np


def ln_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float) -> tuple[np.ndarray, Any]:
    centred = x - x.mean(axis=-1, keepdims=True)
    var = np.maximum((x**2).mean(axis=-1, keepdims=True) - x.mean(axis=-1, keepdims=True) ** 2, 0)
    std = np.sqrt(var + eps)
    inv = 1 / np.where(std > 0, std, np.ones_like(std))
    xhat = centred * inv
    return gamma * xhat + beta, (xhat, inv, gamma.copy())


def ln_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xhat, inv, gamma = cache
    tokens = tuple(range(dy.ndim - 1))
    dgamma = (dy * xhat).sum(axis=tokens)
    dbeta = dy.sum(axis=tokens)
    g = dy * gamma
    dx = (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True)) * inv
    return dx, dgamma, dbeta

"""Wrong: backward uses the training formula after an evaluation too."""
# says: In evaluation backward still goes through the mean and the

from typing import Any

import numpy as np


def bn_forward(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: tuple[np.ndarray, np.ndarray],
    momentum: float,
    eps: float,
    training: bool,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], Any]:
    axes = (0, *range(2, x.ndim))
    column = (-1,) + (1,) * (x.ndim - 2)  # a (D,) array beside x
    running_mean, running_var = running[0].copy(), running[1].copy()

    if training:
        count = x.size // x.shape[1]
        mean = x.mean(axis=axes)
        var = ((x - mean.reshape(column)) ** 2).mean(axis=axes)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        if count > 1:
            running_var = (1 - momentum) * running_var + momentum * var * (count / (count - 1))
    else:
        mean, var = running_mean, running_var

    std = np.sqrt(var + eps)
    inv = (1 / np.where(std > 0, std, np.ones_like(std))).reshape(column)
    xhat = (x - mean.reshape(column)) * inv
    y = gamma.reshape(column) * xhat + beta.reshape(column)
    return y, (running_mean, running_var), (xhat, inv, gamma.reshape(column).copy(), axes, training)


def bn_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    xhat, inv, gamma, axes, training = cache
    dgamma = (dy * xhat).sum(axis=axes)
    dbeta = dy.sum(axis=axes)
    g = dy * gamma
    if True:
        g = g - g.mean(axis=axes, keepdims=True) - xhat * (g * xhat).mean(axis=axes, keepdims=True)
    return g * inv, dgamma, dbeta

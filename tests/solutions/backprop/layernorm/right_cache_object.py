"""Style: a frozen dataclass for a cache; the mean by matmul with a vector of 1/D."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cache:
    x_hat: np.ndarray
    std: np.ndarray
    gamma: np.ndarray


def mean(a):
    return (a @ np.full(a.shape[-1], 1 / a.shape[-1], dtype=a.dtype))[..., None]


def ln_forward(x, gamma, beta, eps):
    d = x - mean(x)
    std = np.sqrt(mean(d * d) + eps)
    x_hat = d / std
    return x_hat * gamma + beta, Cache(x_hat, std, gamma.copy())


def ln_backward(dy, cache):
    g = dy * cache.gamma
    dx = (g - mean(g) - cache.x_hat * mean(g * cache.x_hat)) / cache.std
    dgamma, dbeta = dy * cache.x_hat, dy
    while dgamma.ndim > 1:
        dgamma, dbeta = dgamma.sum(0), dbeta.sum(0)
    return dx, dgamma, dbeta

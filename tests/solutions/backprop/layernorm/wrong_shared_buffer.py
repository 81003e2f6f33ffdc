"""Wrong: x̂ goes into a buffer that is kept for each shape, so a second forward overwrites the first one's cache."""
# says: with the cache of forward number 1

import functools

import numpy as np


@functools.cache
def buffer(shape, dtype):
    return np.empty(shape, dtype)


def ln_forward(x, gamma, beta, eps):
    x_hat = buffer(x.shape, x.dtype)
    np.subtract(x, x.mean(axis=-1, keepdims=True), out=x_hat)
    rstd = 1 / np.sqrt((x_hat**2).mean(axis=-1, keepdims=True) + eps)
    x_hat *= rstd
    return gamma * x_hat + beta, (x_hat, rstd, gamma)


def ln_backward(dy, cache):
    x_hat, rstd, gamma = cache
    g = dy * gamma
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    axes = tuple(range(dy.ndim - 1))
    return dx, (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)

"""Wrong: backward pops what it needs from the cache, so there is only one backward."""
# says: Your code raised IndexError: pop from empty list

import numpy as np


def ln_forward(x, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = centred * rstd
    return gamma * x_hat + beta, [x_hat, rstd, gamma]


def ln_backward(dy, cache):
    gamma, rstd, x_hat = cache.pop(), cache.pop(), cache.pop()
    g = dy * gamma
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    axes = tuple(range(dy.ndim - 1))
    return dx, (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)

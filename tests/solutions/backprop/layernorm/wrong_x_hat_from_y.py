"""Wrong: backward gets x̂ back from y, which fails where γ is 0."""
# says: Keep x̂ itself in the cache

import numpy as np


def ln_forward(x, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = centred * rstd
    y = gamma * x_hat + beta
    return y, (y.copy(), rstd, gamma, beta.copy())


def ln_backward(dy, cache):
    y, rstd, gamma, beta = cache
    x_hat = (y - beta) / gamma
    g = dy * gamma
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    axes = tuple(range(dy.ndim - 1))
    return dx, (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)

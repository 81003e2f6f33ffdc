"""Wrong: one cache for the module, overwritten by every forward."""
# says: with the cache of forward number 1

import numpy as np

STATE = {}


def ln_forward(x, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = centred * rstd
    STATE.update(x_hat=x_hat, rstd=rstd, gamma=gamma)
    return gamma * x_hat + beta, None


def ln_backward(dy, cache):  # noqa: ARG001
    x_hat, rstd, gamma = STATE["x_hat"], STATE["rstd"], STATE["gamma"]
    g = dy * gamma
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    axes = tuple(range(dy.ndim - 1))
    return dx, (dy * x_hat).sum(axis=axes), dy.sum(axis=axes)

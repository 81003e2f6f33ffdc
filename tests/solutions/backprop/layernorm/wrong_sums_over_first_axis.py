"""Wrong: sums the parameters' gradients over axis 0 only."""
# says: With more axes before the last one, all of them have to be summed

import numpy as np


def ln_forward(x, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    x_hat = centred * rstd
    return gamma * x_hat + beta, (x_hat, rstd, gamma)


def ln_backward(dy, cache):
    x_hat, rstd, gamma = cache
    g = dy * gamma
    dx = rstd * (g - g.mean(-1, keepdims=True) - x_hat * (g * x_hat).mean(-1, keepdims=True))
    return dx, (dy * x_hat).sum(axis=0), dy.sum(axis=0)

"""Wrong: staged backward that forgets the 2 of the square in the way through the variance."""
# says: the 2 is missing

import numpy as np


def ln_forward(x, gamma, beta, eps):
    mu = x.mean(-1, keepdims=True)
    std = np.sqrt(x.var(-1, keepdims=True) + eps)
    return gamma * (x - mu) / std + beta, (x - mu, std, gamma)


def ln_backward(dy, cache):
    xmu, std, gamma = cache
    D = dy.shape[-1]
    g = dy * gamma
    dvar = -0.5 * np.sum(g * xmu, -1, keepdims=True) / std**3
    dmu = -np.sum(g / std, -1, keepdims=True)
    dx = g / std + dvar * xmu / D + dmu / D
    lead = tuple(range(dy.ndim - 1))
    return dx, (dy * xmu / std).sum(lead), dy.sum(lead)

"""Style: a loop over the flat entries, remembering the places that were left."""

import numpy as np


def dropout_forward(x, p, rng, training):
    if not training:
        return np.array(x), ("off", None, 1)
    u = rng.random(x.shape).ravel()
    src = np.ravel(x)
    y = np.zeros(src.shape, x.dtype)
    left = []
    for i in range(src.size):
        if u[i] < p:
            continue
        left.append(i)
        y[i] = src[i] / (1 - p)
    return y.reshape(x.shape), ("on", left, 1 - p)


def dropout_backward(dy, cache):
    mode, left, q = cache
    if mode == "off":
        return np.array(dy)
    src = np.ravel(dy)
    dx = np.zeros(src.shape, dy.dtype)
    for i in left:
        dx[i] = src[i] / q
    return dx.reshape(dy.shape)

"""Wrong: backward takes what is not zero in dy for what was left."""
# says: the gradient dx


import numpy as np


def dropout_forward(x, p, rng, training):
    if not training:
        return x, None
    mask = rng.random(x.shape) >= p
    q = 1 - p
    return (np.where(mask, x / q, 0) if q else np.zeros_like(x)).astype(x.dtype), (mask, q)


def dropout_backward(dy, cache):
    if cache is None:
        return dy
    mask, q = dy != 0, cache[1]
    return (np.where(mask, dy / q, 0) if q else np.zeros_like(dy)).astype(dy.dtype)

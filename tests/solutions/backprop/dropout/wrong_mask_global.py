"""Wrong: keeps the last mask in a global, so an earlier cache gives the wrong gradient."""
# says: with the cache of forward number 1


import numpy as np


LAST = {}


def dropout_forward(x, p, rng, training):
    if not training:
        return x, None
    mask = rng.random(x.shape) >= p
    q = 1 - p
    LAST["mask"] = mask
    return (np.where(mask, x / q, 0) if q else np.zeros_like(x)).astype(x.dtype), (mask, q)


def dropout_backward(dy, cache):
    if cache is None:
        return dy
    mask, q = LAST["mask"], cache[1]
    return (np.where(mask, dy / q, 0) if q else np.zeros_like(dy)).astype(dy.dtype)

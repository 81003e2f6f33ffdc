"""Wrong: draws again to decide the scale, so the generator is one draw ahead."""
# says: the output y in training with p = 0.6


import numpy as np


def dropout_forward(x, p, rng, training):
    if not training:
        return x, None
    mask = rng.random(x.shape) >= p
    q = 1 - p
    rng.random(x.shape)
    return (np.where(mask, x / q, 0) if q else np.zeros_like(x)).astype(x.dtype), (mask, q)


def dropout_backward(dy, cache):
    if cache is None:
        return dy
    mask, q = cache
    return (np.where(mask, dy / q, 0) if q else np.zeros_like(dy)).astype(dy.dtype)

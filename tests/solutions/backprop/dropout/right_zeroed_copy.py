"""Style: a copy that is zeroed and scaled in place; backward is a closure in the cache."""

import numpy as np


def dropout_forward(x, p, rng, training):
    y = np.array(x, copy=True)
    if not training:
        return y, lambda dy: np.array(dy)
    drop = np.less(rng.random(x.shape), p)

    def apply(a):
        out = np.array(a, copy=True)
        out[drop] = 0
        if p < 1:
            out /= 1 - p
        return out

    return apply(x), apply


def dropout_backward(dy, cache):
    return cache(dy)

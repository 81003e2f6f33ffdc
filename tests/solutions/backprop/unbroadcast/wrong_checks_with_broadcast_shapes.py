"""Wrong: np.broadcast_shapes does not mind which of the two is stretched."""
# says: g is never the smaller one

import numpy as np


def unbroadcast(g, shape):
    np.broadcast_shapes(g.shape, shape)
    if g.ndim < len(shape):
        raise ValueError
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g

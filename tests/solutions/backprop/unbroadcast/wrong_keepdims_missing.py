"""Wrong: sums the axes of size 1 one by one without keepdims, so the later ones have moved."""
# says: has the shape (4,), expected (1, 4)

import numpy as np


def unbroadcast(g, shape):
    if np.broadcast_shapes(g.shape, shape) != g.shape:
        raise ValueError
    for _ in range(g.ndim - len(shape)):
        g = g.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1:
            g = g.sum(axis=axis)
    return g

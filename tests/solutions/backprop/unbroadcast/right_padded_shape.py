"""Pads the shape with ones and sums with keepdims, then cuts the axes in front off."""

import numpy as np


def unbroadcast(g, shape):
    shape = tuple(shape)
    extra = g.ndim - len(shape)
    if extra < 0:
        raise ValueError("too many axes")
    padded = (1,) * extra + shape
    out = g
    for axis in range(g.ndim):
        if padded[axis] == g.shape[axis]:
            continue
        if padded[axis] != 1:
            raise ValueError(f"axis {axis}: {padded[axis]} and {g.shape[axis]}")
        out = np.add.reduce(out, axis=axis, keepdims=True)
    return out.reshape(shape)

"""Recursion over the first axis."""

import numpy as np


def unbroadcast(g, shape):
    if g.ndim < len(shape):
        raise ValueError("more axes than the gradient")
    if g.ndim > len(shape):
        return unbroadcast(np.sum(g, 0), shape)
    if g.shape == shape:
        return g
    if shape[0] == 1:
        g = g.sum(0)[None]
    elif shape[0] != g.shape[0]:
        raise ValueError("sizes differ")
    if not g.shape[0]:
        return np.zeros(shape, g.dtype)
    return np.stack([unbroadcast(row, shape[1:]) for row in g])

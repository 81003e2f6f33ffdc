"""Entry by entry: each index of g is cut to the operand's axes and set to 0 where the size is 1."""

import numpy as np


def unbroadcast(g, shape):
    n = g.ndim - len(shape)
    if n < 0 or not all(s == w or s == 1 for s, w in zip(shape, g.shape[n:])):
        raise ValueError((shape, g.shape))
    out = np.zeros(shape, dtype=g.dtype)
    for index in np.ndindex(*g.shape):
        out[tuple(0 if s == 1 else i for i, s in zip(index[n:], shape))] += g[index]
    return out

"""Wrong: the axis stays in the result of lse, with size 1."""
# says: Your lse keeps the axis with size 1. It is summed away here

import numpy as np


def shifted(x, axis):
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isneginf(top), x.dtype.type(0), top)
    e = np.exp(x - top)
    return top, e, e.sum(axis=axis, keepdims=True)


def lse(x, axis=-1):
    top, _, total = shifted(x, axis)
    with np.errstate(divide="ignore"):
        out = np.log(total) + top
    return out


def dlse(x, axis=-1):
    _, e, total = shifted(x, axis)
    return e / np.where(total == 0, x.dtype.type(1), total)

"""Style: NaN where a line is -inf, mended at the end."""

import numpy as np


def lse(x, axis=-1):
    hidden = np.isneginf(x).all(axis=axis)
    with np.errstate(all="ignore"):
        m = np.amax(x, axis)
        out = m + np.log(np.exp(x - np.expand_dims(m, axis)).sum(axis))
    return np.where(hidden, x.dtype.type(-np.inf), out)


def dlse(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        p = e / e.sum(axis=axis, keepdims=True)
    return np.nan_to_num(p)

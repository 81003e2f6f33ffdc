"""Wrong: the formula as it stands; the gradient is right."""
# says: lse of [1000.0, 1000.0]

import numpy as np


def lse(x, axis=-1):
    with np.errstate(all="ignore"):
        return np.log(np.exp(x).sum(axis=axis))


def dlse(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.max(x, axis=axis, keepdims=True)
        e = np.exp(x - np.where(m == -np.inf, 0, m))
        total = e.sum(axis=axis, keepdims=True)
        return e / np.where(total == 0, 1, total)

"""Wrong: np.nan_to_num on the result, which makes -1.8e308 of -inf."""
# says: -inf

import numpy as np


def lse(x, axis=-1):
    with np.errstate(all="ignore"):
        m = np.amax(x, axis)
        return np.nan_to_num(m + np.log(np.exp(x - np.expand_dims(m, axis)).sum(axis)))


def dlse(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return np.nan_to_num(e / e.sum(axis=axis, keepdims=True))

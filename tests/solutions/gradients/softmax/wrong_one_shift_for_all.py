"""Wrong: the shift is the largest score of the whole array, and not of each line."""
# says: Lines that are far apart come out right in the same array

import numpy as np


def softmax(x, axis=-1):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    top = x.max(initial=-np.inf)
    top = np.where(np.isneginf(top), x.dtype.type(0), top)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, x.dtype.type(1), total)

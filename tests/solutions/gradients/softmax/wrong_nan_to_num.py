"""Wrong: the naive formula with NaN put to 0, which hides the overflow."""
# says: softmax([1000.0, 1000.0]): expected 0.5

import numpy as np


def softmax(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x)
        return np.nan_to_num(e / e.sum(axis=axis, keepdims=True))

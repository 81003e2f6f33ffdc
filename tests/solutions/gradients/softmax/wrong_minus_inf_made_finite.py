"""Wrong: puts -1e9 for -inf first, so a hidden line gives equal probabilities."""
# says: A line that is -inf throughout gives equal probabilities

import numpy as np


def softmax(x, axis=-1):
    if x.dtype.kind == "f":
        x = np.maximum(x, np.asarray(-1e9, x.dtype))
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)

"""Wrong: -inf is replaced by the lowest number there is, so a line that is -inf throughout comes out even."""
# says: A line that is -inf throughout gives equal probabilities

import numpy as np


def softmax(x, axis=-1):
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    x = np.maximum(x, np.finfo(x.dtype).min)
    top = x.max(axis=axis, keepdims=True)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, x.dtype.type(1), total)

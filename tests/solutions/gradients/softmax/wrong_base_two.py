"""Wrong: powers of 2 in place of powers of e."""
# says: The probabilities along the axis that is named

import numpy as np


def softmax(x, axis=-1):
    m = np.max(x, axis=axis, keepdims=True)
    e = np.exp2(x - np.where(m == -np.inf, 0, m))
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, 1, total)

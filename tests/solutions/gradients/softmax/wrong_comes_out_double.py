"""Wrong: all is worked out in float64 and stays so, also where x is float32."""
# says: Your result is always float64, also where x is float32. Twice

import numpy as np


def softmax(x, axis=-1):
    x = x.astype(np.float64)
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isneginf(top), x.dtype.type(0), top)
    e = np.exp(x - top)
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, x.dtype.type(1), total)

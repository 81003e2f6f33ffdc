"""Wrong: calls f for each element alone."""
# says: f was called 12 times

import numpy as np


def diff(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError(kind)
    if not isinstance(x, np.ndarray):
        return (f(x + h) - f(x)) / h if kind == "forward" else (f(x + h) - f(x - h)) / (2 * h)
    out = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        out[index] = diff(f, float(x[index]), h, kind)
    return out

"""Wrong: rounds the result to ten decimals, since the rest 'is noise'."""
# says: You round the result to some decimals

import numpy as np


def diff(f, x, h, kind):
    if kind == "forward":
        return np.round((f(x + h) - f(x)) / h, 10)
    if kind == "central":
        return np.round((f(x + h) - f(x - h)) / (2 * h), 10)
    raise ValueError(kind)

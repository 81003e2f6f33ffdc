"""Wrong: sums the values of f, as a gradient check of a loss would."""
# says: has the shape (), expected (2, 3)

import numpy as np


def diff(f, x, h, kind):
    if kind == "forward":
        return (np.sum(f(x + h)) - np.sum(f(x))) / h
    if kind == "central":
        return (np.sum(f(x + h)) - np.sum(f(x - h))) / (2 * h)
    raise ValueError(kind)

"""Wrong: squeezes the result, so axes of one element are lost."""
# says: for x of shape (1,) has the shape (), expected (1,)

import numpy as np


def diff(f, x, h, kind):
    if kind == "forward":
        return np.squeeze((f(x + h) - f(x)) / h)
    if kind == "central":
        return np.squeeze((f(x + h) - f(x - h)) / (2 * h))
    raise ValueError(kind)

"""Wrong: scales the step with the size of x, as textbooks advise."""
# says: The forward difference with h =

import numpy as np


def diff(f, x, h, kind):
    h = h * np.maximum(1.0, np.abs(x))
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(kind)

"""Wrong: one call of f on both points stacked."""
# says: f was called once; the formula needs f at two points

import numpy as np


def diff(f, x, h, kind):
    if kind == "forward":
        lower, run = x, h
    elif kind == "central":
        lower, run = x - h, 2 * h
    else:
        raise ValueError(kind)
    values = f(np.stack([np.asarray(lower), np.asarray(x + h)]))
    return (values[1] - values[0]) / run

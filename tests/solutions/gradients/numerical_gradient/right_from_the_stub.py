"""A float64 copy for each of the two points, with one entry moved, index by index."""

import numpy as np


def num_grad(f, x, h=1e-5):
    here = np.array(x, dtype=np.float64)
    grad = np.zeros(here.shape)
    for i in np.ndindex(here.shape):
        up, down = here.copy(), here.copy()
        up[i] += h
        down[i] -= h
        grad[i] = (f(up) - f(down)) / (2 * h)
    return grad

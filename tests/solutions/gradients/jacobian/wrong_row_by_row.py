"""Wrong: a measured gradient for each output, which asks for all of f once more for every single row."""
# says: f is called twice for each entry of x

import numpy as np


def slopes(f, x, h):
    gradient = np.zeros(x.shape)
    for j in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[j] = h
        gradient[j] = (f(x + e) - f(x - e)) / (2 * h)
    return gradient


def jac(f, x, h=1e-5):
    x = x.astype(np.float64)
    e = np.zeros(x.shape)
    e.flat[0] = h
    shape = np.shape(f(x + e))
    rows = [slopes(lambda z, i=i: np.asarray(f(z))[i], x, h) for i in np.ndindex(shape)]
    return np.array(rows).reshape(shape + x.shape)

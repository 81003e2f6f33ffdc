"""Wrong: the step grows with the largest entry."""
# says: with more inputs than outputs and with fewer

import numpy as np


def jac(f, x, h=1e-5):
    x = np.array(x, np.float64)
    h = h * max(1.0, np.abs(x).max())
    columns = []
    for j in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[j] = h
        columns.append((f(x + e) - f(x - e)) / (2 * h))
    J = np.stack(columns, axis=-1)
    return J.reshape(J.shape[:-1] + x.shape)

"""Wrong: H v by building all of H from gradients, a column for each entry."""
# says: two gradients are enough

import numpy as np


def hess(f, x, h=1e-4):
    x, e = x.astype(np.float64), h * np.eye(x.size)
    H = np.zeros((x.size, x.size))
    for i in range(x.size):
        for j in range(i + 1):
            a, b = f(x + e[i] + e[j]), f(x + e[i] - e[j])
            c, d = f(x - e[i] + e[j]), f(x - e[i] - e[j])
            H[i, j] = H[j, i] = (a - b - c + d) / (4 * h * h)
    return H


def hvp(df, x, v, h=1e-5):
    x, result = x.astype(np.float64), np.zeros(x.shape)
    for k in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[k] = h * v[k]
        result = result + (df(x + e) - df(x - e)) / (2 * h)
    return result

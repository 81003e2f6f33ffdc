"""Wrong: every pair worked out twice, once for each place, with twice the calls."""
# says: 10 pairs with four corners are 40

import numpy as np


def hess(f, x, h=1e-4):
    x, e = x.astype(np.float64), h * np.eye(x.size)
    H = np.zeros((x.size, x.size))
    for i in range(x.size):
        for j in range(x.size):
            a, b = f(x + e[i] + e[j]), f(x + e[i] - e[j])
            c, d = f(x - e[i] + e[j]), f(x - e[i] - e[j])
            H[i, j] = (a - b - c + d) / (4 * h * h)
    return H


def hvp(df, x, v, h=1e-5):
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h * v) - df(x - h * v)) / (2 * h)

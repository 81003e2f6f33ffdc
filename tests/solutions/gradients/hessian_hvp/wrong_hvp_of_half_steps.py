"""Wrong: hvp goes h v / 2 to each side."""
# says: the change of the gradient along v

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
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h / 2 * v) - df(x - h / 2 * v)) / h

"""Wrong: the corners are divided by 2 h squared, as for a first difference."""
# says: You divide by 2 h². The corners are 2 h apart in both

import numpy as np


def hess(f, x, h=1e-4):
    at = np.array(x, dtype=np.float64)
    n = at.size
    H = np.empty((n, n))
    step = h * np.eye(n)
    for i in range(n):
        for j in range(i, n):
            plus, minus = step[i] + step[j], step[i] - step[j]
            corners = f(at + plus) - f(at + minus) - f(at - minus) + f(at - plus)
            H[i, j] = H[j, i] = corners / (2 * h * h)
    return H


def hvp(df, x, v, h=1e-5):
    at, along = np.array(x, dtype=np.float64), np.array(v, dtype=np.float64)
    return (np.array(df(at + h * along), dtype=np.float64) - df(at - h * along)) / (2 * h)

"""Wrong: the direction is normalised, so its length does not count."""
# says: You normalise v. H (2 v) is 2 H v: the length of v counts

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
            H[i, j] = H[j, i] = corners / (4 * h * h)
    return H


def hvp(df, x, v, h=1e-5):
    at, along = np.array(x, dtype=np.float64), np.array(v, dtype=np.float64)
    along = along / max(float(np.linalg.norm(along)), 1e-300)
    return (np.array(df(at + h * along), dtype=np.float64) - df(at - h * along)) / (2 * h)

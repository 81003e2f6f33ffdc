"""Wrong: the three-point formula on the diagonal, divided by 4 h² as the corners are."""
# says: each entry is the difference of four corners

import numpy as np


def hess(f, x, h=1e-4):
    x, e = x.astype(np.float64), h * np.eye(x.size)
    H, here = np.zeros((x.size, x.size)), f(x.astype(np.float64))
    for i in range(x.size):
        H[i, i] = (f(x + e[i]) - 2 * here + f(x - e[i])) / (4 * h * h)
        for j in range(i):
            a, b = f(x + e[i] + e[j]), f(x + e[i] - e[j])
            c, d = f(x - e[i] + e[j]), f(x - e[i] - e[j])
            H[i, j] = H[j, i] = (a - b - c + d) / (4 * h * h)
    return H


def hvp(df, x, v, h=1e-5):
    x, v = x.astype(np.float64), v.astype(np.float64)
    return (df(x + h * v) - df(x - h * v)) / (2 * h)

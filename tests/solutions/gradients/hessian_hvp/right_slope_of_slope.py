"""Style: the slope in j as a function, and its slope in i."""

import numpy as np


def slope(g, k, h):
    def moved(x, by):
        copy = np.array(x, dtype=np.float64)
        copy[k] += by
        return copy

    return lambda x: (g(moved(x, h)) - g(moved(x, -h))) / (2 * h)


def hess(f, x, h=1e-4):
    n = len(x)
    H = np.zeros((n, n))
    for i in range(n):
        H[i, i] = slope(slope(f, i, h), i, h)(x)
        for j in range(i):
            H[i, j] = H[j, i] = slope(slope(f, j, h), i, h)(x)
    return H


def hvp(df, x, v, h=1e-5):
    x = x.astype(float)
    v = v.astype(float)
    up = df(x + v * h)
    down = df(x - v * h)
    return (up - down) / h / 2

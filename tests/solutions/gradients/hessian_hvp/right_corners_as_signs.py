"""Style: the corners as a sum over signs, pairs from itertools."""

from itertools import combinations_with_replacement, product

import numpy as np


def hess(f, x, h=1e-4):
    x = np.array(x, dtype="float64")
    H = np.full((x.size, x.size), np.nan)
    for i, j in combinations_with_replacement(range(x.size), 2):
        total = 0.0
        for s, t in product((1, -1), repeat=2):
            point = x.copy()
            point[i] += s * h
            point[j] += t * h
            total += s * t * f(point)
        H[i, j] = H[j, i] = total / (2 * h) ** 2
    return H


def hvp(df, x, v, h=1e-5):
    step = h * np.array(v, dtype="float64")
    x = np.array(x, dtype="float64")
    return 0.5 * (df(x + step) - df(x - step)) / h

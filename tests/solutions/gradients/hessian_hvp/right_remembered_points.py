"""Style: the values of f in a dictionary by the moves, so that none is asked for twice."""

import numpy as np


def hess(f, x, h: float = 1e-4):
    base, n, known = x.astype(np.float64), x.shape[0], {}

    def at(*moves):
        steps = [0] * n
        for k, sign in moves:
            steps[k] += sign
        key = tuple(steps)
        if key not in known:
            known[key] = f(base + h * np.array(steps, dtype=np.float64))
        return known[key]

    def entry(i, j):
        i, j = min(i, j), max(i, j)
        plus = at((i, 1), (j, 1)) + at((i, -1), (j, -1))
        return (plus - at((i, 1), (j, -1)) - at((i, -1), (j, 1))) / (4 * h**2)

    return np.array([[entry(i, j) for j in range(n)] for i in range(n)])


def hvp(df, x, v, h: float = 1e-5):
    points = np.stack([x.astype(np.float64) + s * np.float64(h) * v.astype(np.float64) for s in (1, -1)])
    high, low = (df(point) for point in points)
    return (high - low) / (2 * h)

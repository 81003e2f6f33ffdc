"""Style: all points first, as rows of one array, then f on each row."""

import numpy as np


def num_grad(f, x, h=1e-5):
    base = np.asarray(x, dtype=np.float64).reshape(-1)
    n = base.size
    points = np.concatenate([base + h * np.eye(n), base - h * np.eye(n)])
    values = np.array([float(f(point.reshape(x.shape))) for point in points])
    return ((values[:n] - values[n:]) / (2 * h)).reshape(x.shape)

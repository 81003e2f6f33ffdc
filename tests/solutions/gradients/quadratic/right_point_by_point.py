"""Style: one point at a time, by np.dot, put together at the end."""

import numpy as np


def one(A, b, point):
    return np.dot(A, point) + np.dot(point, A) + b


def grad(A, b, x):
    flat = [one(A, b, point) for point in x.reshape(-1, x.shape[-1])]
    return np.array(flat, dtype=x.dtype).reshape(x.shape)

"""Makes matrices of vectors, multiplies, and calls an unbroadcast of its own with the batch's shape."""

import numpy as np


def reduce_to(g, shape):
    while g.ndim > len(shape):
        g = np.add.reduce(g, 0)
    for i in range(len(shape) - 2):
        if shape[i] == 1:
            g = np.add.reduce(g, i, keepdims=True)
    return g


def matmul_back(dC, A, B):
    a = A.reshape(1, -1) if len(A.shape) == 1 else A
    b = B.reshape(-1, 1) if len(B.shape) == 1 else B
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    g = np.asarray(dC).reshape(batch + (a.shape[-2], b.shape[-1]))
    dA = reduce_to(np.matmul(g, np.swapaxes(b, -1, -2)), a.shape)
    dB = reduce_to(np.matmul(np.swapaxes(a, -1, -2), g), b.shape)
    return dA.reshape(A.shape), dB.reshape(B.shape)

"""Style: plain loops; the cache is a list of (place, winning pixel)."""

import numpy as np


def max_pool_forward(x, kernel, stride):
    N, C, H, W = x.shape
    kh, kw = kernel
    y = np.zeros((N, C, (H - kh) // stride + 1, (W - kw) // stride + 1), dtype=x.dtype)
    winners = []
    for n in range(N):
        for c in range(C):
            for a in range(y.shape[2]):
                for b in range(y.shape[3]):
                    r, q = a * stride, b * stride
                    patch = x[n, c, r : r + kh, q : q + kw]
                    i, j = np.unravel_index(patch.argmax(), patch.shape)
                    y[n, c, a, b] = patch[i, j]
                    winners.append(((n, c, a, b), (n, c, r + i, q + j)))
    return y, (winners, x.shape)


def max_pool_backward(dy, cache):
    winners, shape = cache
    dx = np.zeros(shape, dtype=dy.dtype)
    for place, pixel in winners:
        dx[pixel] += dy[place]
    return dx

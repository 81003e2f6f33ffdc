"""Style: plain loops over places, no padded gradient: each place hands out to the part of it that lies inside the image."""

import numpy as np


def reach(at, k, s, p, size):
    start = at * s - p
    lo, hi = max(start, 0), max(min(start + k, size), 0)
    lo = min(lo, size)
    return slice(lo, max(hi, lo)), slice(lo - start, max(hi, lo) - start)


def conv2d_forward(x, w, bias, stride, pad):
    h, wd = x.shape[2:]
    k_h, k_w = w.shape[2:]
    out = (h + 2 * pad - k_h) // stride + 1, (wd + 2 * pad - k_w) // stride + 1
    y = np.zeros((x.shape[0], w.shape[0]) + out, dtype=x.dtype)
    for a in range(out[0]):
        r, i = reach(a, k_h, stride, pad, h)
        for b in range(out[1]):
            c, j = reach(b, k_w, stride, pad, wd)
            y[:, :, a, b] = np.tensordot(x[:, :, r, c], w[:, :, i, j], axes=([1, 2, 3], [1, 2, 3])) + bias
    return y, (x, w, stride, pad)


def conv2d_backward(dy, cache):
    x, w, stride, pad = cache
    dx, dw = np.zeros(x.shape, x.dtype), np.zeros(w.shape, w.dtype)
    for a in range(dy.shape[2]):
        r, i = reach(a, w.shape[2], stride, pad, x.shape[2])
        for b in range(dy.shape[3]):
            c, j = reach(b, w.shape[3], stride, pad, x.shape[3])
            g = dy[:, :, a, b]
            dx[:, :, r, c] += np.tensordot(g, w[:, :, i, j], axes=(1, 0))
            dw[:, :, i, j] += np.tensordot(g, x[:, :, r, c], axes=(0, 0))
    return dx, dw, dy.sum(3).sum(2).sum(0)

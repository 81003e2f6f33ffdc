"""Wrong: dx is written with = from the mask, so a later entry wipes an earlier one."""
# says: the gradient dx


import numpy as np


def max_pool_forward(x, kernel, stride):
    ho, wo = (x.shape[2] - kernel[0]) // stride + 1, (x.shape[3] - kernel[1]) // stride + 1
    y = np.full(x.shape[:2] + (ho, wo), -np.inf, dtype=x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y = np.maximum(y, x[:, :, i : i + ho * stride : stride, j : j + wo * stride : stride])
    return y, (x.copy(), y.copy(), kernel, stride)


def max_pool_backward(dy, cache):
    x, y, kernel, s = cache
    ho, wo = y.shape[2:]
    dx = np.zeros_like(x)
    open_ = np.ones(y.shape, bool)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            at = (slice(None), slice(None), slice(i, i + ho * s, s), slice(j, j + wo * s, s))
            hit = open_ & (x[at] == y)
            dx[at] = dy * hit
            open_ &= ~hit
    return dx

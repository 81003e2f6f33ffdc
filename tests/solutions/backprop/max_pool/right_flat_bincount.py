"""Style: each window's winner as a number into the flat x, and np.bincount on the way back."""

import numpy as np


def max_pool_forward(x, kernel, stride):
    (n, c, h, w), (kh, kw) = x.shape, kernel
    numbers = np.arange(x.size).reshape(x.shape)
    ho, wo = (h - kh) // stride + 1, (w - kw) // stride + 1
    rows = stride * np.arange(ho)[:, None] + np.arange(kh)
    cols = stride * np.arange(wo)[:, None] + np.arange(kw)
    take = np.ix_(range(n), range(c), rows.ravel(), cols.ravel())
    cut = lambda a: a[take].reshape(n, c, ho, kh, wo, kw).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, ho, wo, kh * kw)  # noqa: E731
    values, where = cut(x), cut(numbers)
    best = values.argmax(axis=4)[..., None]
    return np.take_along_axis(values, best, 4)[..., 0], (np.take_along_axis(where, best, 4)[..., 0], x.shape)


def max_pool_backward(dy, cache):
    where, shape = cache
    flat = np.bincount(where.ravel(), weights=dy.ravel(), minlength=int(np.prod(shape)))
    return flat.reshape(shape).astype(dy.dtype)

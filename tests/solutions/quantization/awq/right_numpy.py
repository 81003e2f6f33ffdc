"""Style: NumPy throughout, a rounding of its own."""

import numpy as np
import torch


def importance(X):
    return torch.from_numpy(np.abs(X.numpy()).reshape(-1, X.shape[-1]).mean(axis=0))


def awq_scales(a, alpha):
    v = a.numpy().astype(np.float64)
    out = np.ones_like(v)
    where = np.nonzero(v)[0]
    if where.size:
        p = np.power(v[where], alpha)
        out[where] = p / np.sqrt(p.max()) / np.sqrt(p.min())
    return torch.from_numpy(out.astype(a.numpy().dtype))


def quantized_weight(W, s, bits, group):
    x = (W * s).numpy()
    top = 2 ** (bits - 1) - 1
    result = np.zeros_like(x)
    for row in range(x.shape[0]):
        for start in range(0, x.shape[1], group):
            part = x[row, start : start + group]
            step = np.abs(part).max() / top
            if step > 0:
                result[row, start : start + group] = np.rint(part / step) * step
    return torch.from_numpy(result) / s


def search(W, X, bits, group, steps=20):
    x = X.numpy().reshape(-1, X.shape[-1])
    best = None
    for i in range(steps + 1):
        s = awq_scales(importance(X), i / steps)
        gap = x @ (W - quantized_weight(W, s, bits, group)).numpy().T
        if best is None or np.square(gap).mean() < best[0]:
            best = np.square(gap).mean(), i / steps, s
    return best[1], best[2]

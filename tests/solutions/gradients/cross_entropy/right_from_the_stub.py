"""The rows that count are taken out, worked out in float64, and put back; the uniform part only where there is smoothing."""

import numpy as np


def ce(logits, y, ignore_index=-100, smoothing=0.0):
    dlogits = np.zeros(logits.shape, dtype=logits.dtype)
    counts = y != ignore_index
    n = int(counts.sum())
    if n == 0:
        return 0.0, dlogits
    x = logits[counts].astype(np.float64)
    target = y[counts]
    rows = np.arange(n)
    V = x.shape[1]

    x = x - x.max(axis=1, keepdims=True)
    e = np.exp(x)
    total = e.sum(axis=1, keepdims=True)
    logp = x - np.log(total)

    loss = -(1 - smoothing) * logp[rows, target]
    grad = e / total
    grad[rows, target] -= 1 - smoothing
    if smoothing > 0:
        loss = loss - smoothing * logp.sum(axis=1) / V
        grad -= smoothing / V
    dlogits[counts] = grad / n
    return float(loss.sum() / n), dlogits

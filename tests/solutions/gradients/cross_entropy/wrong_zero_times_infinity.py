"""Wrong: the loss is the sum of q log p over all tokens, where 0 times -inf is NaN."""
# says: You multiply q = 0 with log p = -inf, and 0 · (-inf) is NaN

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

    q = np.full(x.shape, smoothing / V)
    q[rows, target] += 1 - smoothing
    with np.errstate(invalid="ignore"):
        loss = -(q * logp).sum(axis=1)
    dlogits[counts] = (e / total - q) / n
    return float(loss.sum() / n), dlogits

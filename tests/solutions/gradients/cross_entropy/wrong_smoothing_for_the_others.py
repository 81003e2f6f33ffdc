"""Wrong: the smoothing is shared by the V - 1 other tokens, and the target keeps 1 - ε."""
# says: You share the smoothing among the other V - 1 tokens. That is

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
        loss = loss - smoothing * (logp.sum(axis=1) - logp[rows, target]) / (V - 1)
        grad -= smoothing / (V - 1)
        grad[rows, target] += smoothing / (V - 1)
    dlogits[counts] = grad / n
    return float(loss.sum() / n), dlogits

"""Style: a helper for one row, and a loop over the rows that count."""

import math

import numpy as np


def row(x, target, smoothing):
    shifted = x - x.max()
    e = np.exp(shifted)
    log_sum = math.log(e.sum())
    loss = (1 - smoothing) * (log_sum - shifted[target])
    if smoothing:
        loss += smoothing * (log_sum - shifted.mean())
    d = e / e.sum() - smoothing / len(x)
    d[target] -= 1 - smoothing
    return loss, d


def ce(logits: np.ndarray, y: np.ndarray, ignore_index: int = -100, smoothing: float = 0.0):
    loss, dlogits, n = 0.0, np.zeros(logits.shape), 0
    for i, target in enumerate(y):
        if target == ignore_index:
            continue
        n += 1
        part, dlogits[i] = row(logits[i].astype(np.float64), int(target), smoothing)
        loss += part
    if n:
        loss, dlogits = loss / n, dlogits / n
    return float(loss), dlogits.astype(logits.dtype)

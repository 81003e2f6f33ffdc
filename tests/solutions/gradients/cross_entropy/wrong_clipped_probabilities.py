"""Wrong: clips the probabilities from below before the logarithm, so a bad miss costs at most 27.6."""
# says: You clip the probabilities before the logarithm, so that a

import numpy as np


def ce(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    n, V = max(1, int(keep.sum())), logits.shape[1]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    q = (1 - smoothing) * (np.arange(V) == y[:, None]) + smoothing / V
    loss = -(q * np.log(np.clip(p, 1e-12, 1.0)))[keep].sum() / n
    return loss, np.where(keep[:, None], (p - q) / n, 0).astype(logits.dtype)

"""Wrong: ignored rows lose their target but keep the smoothing's part, in the loss and in the gradient."""
# says: A row that is ignored loses its target, but keeps what

import numpy as np


def ce(logits, y, ignore_index=-100, smoothing=0.0):
    keep = y != ignore_index
    n, V = max(1, int(keep.sum())), logits.shape[1]
    m = logits.max(axis=1, keepdims=True)
    log_p = logits - m - np.log(np.exp(logits - m).sum(axis=1, keepdims=True))
    q = (1 - smoothing) * ((np.arange(V) == y[:, None]) & keep[:, None]) + smoothing / V
    loss = -np.where(q > 0, q * np.where(q > 0, log_p, 0), 0).sum() / n
    d = np.where(keep[:, None] | (smoothing > 0), np.exp(log_p) * q.sum(1, keepdims=True) - q, 0)
    return loss, (d / n).astype(logits.dtype)

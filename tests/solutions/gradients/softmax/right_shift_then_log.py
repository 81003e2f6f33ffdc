"""Style: exp of the log-probabilities, the hidden lines picked out by a mask."""

import numpy as np


def softmax(x, axis=-1):
    hidden = np.isneginf(x).all(axis=axis, keepdims=True)
    safe = np.where(hidden, 0, x)
    safe = safe - safe.max(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        log_p = safe - np.log(np.exp(safe).sum(axis=axis, keepdims=True))
    p = np.exp(log_p)
    p[np.broadcast_to(hidden, p.shape)] = 0
    return p

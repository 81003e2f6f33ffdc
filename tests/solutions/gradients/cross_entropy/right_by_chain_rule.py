"""Style: the gradient by the chain rule through log-softmax, q being the gradient of the log-probabilities."""

import numpy as np


def ce(logits, y, ignore_index=-100, smoothing=0.0):
    index = np.flatnonzero(y != ignore_index)
    dlogits = np.zeros(logits.shape, logits.dtype)
    if not len(index):
        return np.float64(0.0), dlogits
    x = logits[index]
    V = x.shape[1]
    x = x - x.max(1)[:, None]
    log_p = x - np.log(np.exp(x).sum(1))[:, None]
    dlog_p = np.full(x.shape, -smoothing / V)
    dlog_p[range(len(index)), y[index]] += smoothing - 1
    dlog_p /= len(index)
    loss = np.multiply(dlog_p, log_p, where=dlog_p != 0, out=np.zeros(x.shape)).sum()
    dlogits[index] = dlog_p - np.exp(log_p) * dlog_p.sum(1, keepdims=True)
    return loss, dlogits

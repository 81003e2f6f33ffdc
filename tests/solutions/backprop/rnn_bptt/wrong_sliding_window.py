"""Wrong: every step looks back over the k steps before it, instead of to the beginning of its block."""
# says: Your window slides

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    h = [h0]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ Wx + h[t] @ Wh + b))
    return np.stack(h[1:]), (x, h, Wx, Wh, b)


def rnn_backward(dh, cache, window=None):
    x, h, Wx, Wh, b = cache
    T = len(x)
    k = window or T
    dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh0 = np.zeros_like(h[0])
    for loss in range(T):
        delta = dh[loss]
        for t in range(loss, max(loss - k, -1), -1):
            da = delta * (1 - h[t + 1] ** 2)
            dx[t] += da @ Wx.T
            dWx += x[t].T @ da
            dWh += h[t].T @ da
            db += da.sum(0)
            delta = da @ Wh.T
            if t == 0:
                dh0 += delta
    return dx, dh0, dWx, dWh, db

"""Wrong: what comes back is added into the caller's dh."""
# says: dh after backward (it must not be changed in place)

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    h = [h0]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ Wx + h[t] @ Wh + b))
    return np.stack(h[1:]), (x, h, Wx, Wh, b)


def rnn_backward(dh, cache, window=None):
    x, h, Wx, Wh, b = cache
    dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    for t in range(len(x) - 1, -1, -1):
        da = dh[t] * (1 - h[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dWh += h[t].T @ da
        db += da.sum(0)
        back = da @ Wh.T
        if t and (window is None or t % window):
            dh[t - 1] += back
    return dx, back, dWx, dWh, db

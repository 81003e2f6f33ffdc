"""Wrong: np.zeros makes float64 buffers, so float32 inputs get float64 gradients."""
# says: dtype

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    h = [h0]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ Wx + h[t] @ Wh + b))
    return np.stack(h[1:]), (x, h, Wx, Wh, b)


def rnn_backward(dh, cache, window=None):
    x, h, Wx, Wh, b = cache
    dx, dWx, dWh, db = np.zeros(x.shape), np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros(b.shape)
    back = np.zeros(h[0].shape)
    for t in range(len(x) - 1, -1, -1):
        da = (dh[t] + back) * (1 - h[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dWh += h[t].T @ da
        db += da.sum(0)
        back = da @ Wh.T
        if window and t and t % window == 0:
            back = back * 0
    return dx, back, dWx, dWh, db

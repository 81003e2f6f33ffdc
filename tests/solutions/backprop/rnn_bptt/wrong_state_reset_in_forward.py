"""Wrong: with a window the blocks begin from zeros in backward, as if the state had been forgotten there."""
# says: state that a block begins with

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    h = [h0]
    for t in range(len(x)):
        h.append(np.tanh(x[t] @ Wx + h[t] @ Wh + b))
    return np.stack(h[1:]), (x, h, Wx, Wh, b)


def rnn_backward(dh, cache, window=None):
    x, h, Wx, Wh, b = cache
    dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    back = np.zeros_like(h[0])
    for t in range(len(x) - 1, -1, -1):
        da = (dh[t] + back) * (1 - h[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        cut = window is not None and t > 0 and t % window == 0
        if not cut:
            dWh += h[t].T @ da
        db += da.sum(0)
        back = np.zeros_like(back) if cut else da @ Wh.T
    return dx, back, dWx, dWh, db

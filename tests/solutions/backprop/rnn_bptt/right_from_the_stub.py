"""The states in one array with the first one in front; backward drops what comes from the right wherever a block has just ended."""

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    T, N, _ = x.shape
    states = np.empty((T + 1, N, h0.shape[1]), dtype=x.dtype)
    states[0] = h0
    for t in range(T):
        states[t + 1] = np.tanh(x[t] @ Wx + states[t] @ Wh + b)
    return states[1:].copy(), (x, states, Wx, Wh)


def rnn_backward(dh, cache, window=None):
    x, states, Wx, Wh = cache
    T = len(x)
    k = T if window is None else window
    before = states[:-1]
    dx = np.zeros_like(x)
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wh[0])
    back = np.zeros_like(states[0])
    for t in reversed(range(T)):
        if (t + 1) % k == 0:
            back = np.zeros_like(back)
        da = (dh[t] + back) * (1 - states[t + 1] ** 2)
        dx[t] = da @ Wx.T
        dWx += x[t].T @ da
        dWh += before[t].T @ da
        db += da.sum(axis=0)
        back = da @ Wh.T
    return dx, back, dWx, dWh, db

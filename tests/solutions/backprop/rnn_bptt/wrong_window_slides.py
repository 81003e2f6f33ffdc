"""Wrong: each step's loss goes back k steps from where it is, a window that slides, where blocks with fixed cuts are asked for."""
# says: Your window slides: each step's loss goes back over the k

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
    dx = np.zeros_like(x)
    dh0 = np.zeros_like(states[0])
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wh[0])
    for last in range(T):
        delta = dh[last]
        for t in range(last, max(last - k, -1), -1):
            da = delta * (1 - states[t + 1] ** 2)
            dx[t] += da @ Wx.T
            dWx += x[t].T @ da
            dWh += states[t].T @ da
            db += da.sum(axis=0)
            delta = da @ Wh.T
            if t == 0:
                dh0 += delta
    return dx, dh0, dWx, dWh, db

"""Wrong: gates in the order i, f, o, g, forward and backward alike."""
# says: blocks of columns are i, f, o, g

import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def lstm_step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx + h @ Wh + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next)


def lstm_step_backward(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, c_next = cache
    t = np.tanh(c_next)
    ds = dc + dh * o * (1 - t**2)
    da = np.hstack([ds * g * i * (1 - i), ds * c * f * (1 - f), dh * t * o * (1 - o), ds * i * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, ds * f, x.T @ da, h.T @ da, da.sum(0)

"""Wrong: dc += ..., which changes the caller's array."""
# says: dc after backward (it must not be changed in place)

import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def lstm_step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx + h @ Wh + b
    i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 3 * H :])
    g = np.tanh(a[:, 2 * H : 3 * H])
    c_next = f * c + i * g
    return o * np.tanh(c_next), c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next)


def lstm_step_backward(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, c_next = cache
    t = np.tanh(c_next)
    dc += dh * o * (1 - t**2)
    ds = dc
    da = np.hstack([ds * g * i * (1 - i), ds * c * f * (1 - f), ds * i * (1 - g**2), dh * t * o * (1 - o)])
    return da @ Wx.T, da @ Wh.T, ds * f, x.T @ da, h.T @ da, da.sum(0)

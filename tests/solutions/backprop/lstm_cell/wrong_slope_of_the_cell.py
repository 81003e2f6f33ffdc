"""Wrong: the slope of tanh at the new cell is taken as 1 - c² and not as 1 - tanh(c)²."""
# says: Your slope of tanh at the cell is 1 - (c⁺)². It is 1 -

import numpy as np


def sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1 / (1 + e), e / (1 + e))


def lstm_step(x, h, c, Wx, Wh, b):
    a = x @ Wx + h @ Wh + b
    a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
    c_next = f * c + i * g
    shown = np.tanh(c_next)
    h_next = o * shown
    return h_next, c_next, (x, h, c, Wx, Wh, i, f, g, o, c_next, shown)


def lstm_step_backward(dh, dc, cache):
    x, h, c, Wx, Wh, i, f, g, o, c_next, shown = cache
    total = dc + dh * o * (1 - c_next**2)
    da_i = total * g * i * (1 - i)
    da_f = total * c * f * (1 - f)
    da_g = total * i * (1 - g**2)
    da_o = dh * shown * o * (1 - o)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
    dc_prev = total * f
    return da @ Wx.T, da @ Wh.T, dc_prev, x.T @ da, h.T @ da, da.sum(axis=0)

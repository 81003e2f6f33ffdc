"""Style: small functions that give a value and its own way back, undone one after the other; float64 inside."""

import numpy as np


def times(a, b):
    return a * b, lambda d: (d * b, d * a)


def sigmoid(a):
    s = np.exp(-np.logaddexp(0, -a))
    return s, lambda d: d * s * (1 - s)


def tanh(a):
    t = np.tanh(a)
    return t, lambda d: d / np.cosh(np.clip(a, -300, 300)) ** 2


def lstm_step(x, h, c, Wx, Wh, b):
    kind = x.dtype
    x, h, c, Wx, Wh, b = (np.asarray(v, np.float64) for v in (x, h, c, Wx, Wh, b))
    H = h.shape[-1]
    a = np.dot(x, Wx) + np.dot(h, Wh) + b
    i, back_i = sigmoid(a[:, 0:H])
    f, back_f = sigmoid(a[:, H : 2 * H])
    g, back_g = tanh(a[:, 2 * H : 3 * H])
    o, back_o = sigmoid(a[:, 3 * H :])
    kept, back_kept = times(f, c)
    new, back_new = times(i, g)
    cell = kept + new
    t, back_t = tanh(cell)
    out, back_out = times(o, t)

    def back(dh, dc):
        do, dt = back_out(dh)
        dcell = back_t(dt) + dc
        df, dc_old = back_kept(dcell)
        di, dg = back_new(dcell)
        da = np.hstack((back_i(di), back_f(df), back_g(dg), back_o(do)))
        grads = np.dot(da, Wx.T), np.dot(da, Wh.T), dc_old, np.dot(x.T, da), np.dot(h.T, da), np.sum(da, 0)
        return tuple(grad.astype(kind) for grad in grads)

    return out.astype(kind), cell.astype(kind), back


def lstm_step_backward(dh, dc, cache):
    return cache(dh.astype(np.float64), dc.astype(np.float64))

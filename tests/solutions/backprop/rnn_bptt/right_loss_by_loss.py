"""Style: each step's dh is followed back on its own, to the beginning of its block, and all ways are added up."""

import numpy as np


def rnn_forward(x, h0, Wx, Wh, b):
    h = np.zeros((len(x) + 1, *h0.shape), h0.dtype)
    h[0] = h0
    for t, row in enumerate(x):
        h[t + 1] = np.tanh(row.dot(Wx) + h[t].dot(Wh) + b)
    return np.array(h[1:]), dict(x=x.copy(), h=h, Wx=Wx, Wh=Wh)


def rnn_backward(dh, cache, window=None):
    x, h, Wx, Wh = cache["x"], cache["h"], cache["Wx"], cache["Wh"]
    T = len(x)
    das = np.zeros_like(h[1:])
    dh0 = np.zeros_like(h[0])
    for loss in range(T):
        begin = 0 if window is None else loss - loss % window
        delta = dh[loss]
        for t in range(loss, begin - 1, -1):
            da = delta * (1 - h[t + 1] ** 2)
            das[t] += da
            delta = da @ Wh.T
        if begin == 0:
            dh0 += delta
    flat = das.reshape(-1, das.shape[-1])
    dWx = x.reshape(-1, x.shape[-1]).T @ flat
    dWh = h[:-1].reshape(-1, das.shape[-1]).T @ flat
    return das @ Wx.T, dh0, dWx, dWh, flat.sum(axis=0)

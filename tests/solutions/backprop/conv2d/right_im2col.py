"""Style: im2col, patches as rows of one big matrix, and col2im on the way back."""

import numpy as np


def patches(x, k_h, k_w, s, p):
    xp = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
    ho, wo = (xp.shape[2] - k_h) // s + 1, (xp.shape[3] - k_w) // s + 1
    rows = []
    for n in range(len(x)):
        for a in range(ho):
            for b in range(wo):
                rows.append(xp[n, :, a * s : a * s + k_h, b * s : b * s + k_w].ravel())
    return np.array(rows), ho, wo


def conv2d_forward(x, w, bias, stride, pad):
    cols, ho, wo = patches(x, w.shape[2], w.shape[3], stride, pad)
    y = cols @ w.reshape(len(w), -1).T + bias
    y = y.reshape(len(x), ho, wo, len(w)).transpose(0, 3, 1, 2)
    return y, {"cols": cols, "w": w, "shape": x.shape, "s": stride, "p": pad}


def conv2d_backward(dy, cache):
    w, s, p = cache["w"], cache["s"], cache["p"]
    n, c, h, wd = cache["shape"]
    f, _, k_h, k_w = w.shape
    d = dy.transpose(0, 2, 3, 1).reshape(-1, f)
    dw = (d.T @ cache["cols"]).reshape(w.shape)
    dcols = (d @ w.reshape(f, -1)).reshape(n, dy.shape[2], dy.shape[3], c, k_h, k_w)
    dxp = np.zeros((n, c, h + 2 * p, wd + 2 * p), dtype=dy.dtype)
    for a in range(dy.shape[2]):
        for b in range(dy.shape[3]):
            dxp[:, :, a * s : a * s + k_h, b * s : b * s + k_w] += dcols[:, a, b]
    return dxp[:, :, p : p + h, p : p + wd], dw, d.sum(axis=0)

"""Style: two code paths, and a training backward that goes through variance and mean one after the other."""

import numpy as np


class Cache:
    pass


def bn_forward(x, gamma, beta, running, momentum, eps, training):
    ax = (0,) if x.ndim == 2 else (0, 2, 3)
    view = (1, -1) if x.ndim == 2 else (1, -1, 1, 1)
    c = Cache()
    c.ax, c.view, c.training = ax, view, training
    c.gamma = gamma.reshape(view).copy()
    if training:
        mean = x.mean(axis=ax)
        var = x.var(axis=ax)
        m = np.prod([x.shape[a] for a in ax]).item()
        c.m = m
        new_mean = (1 - momentum) * running[0] + momentum * mean
        if m == 1:
            new_var = running[1].copy()
        else:
            new_var = (1 - momentum) * running[1] + momentum * var * (m / (m - 1))
    else:
        mean, var = running
        new_mean, new_var = mean.copy(), var.copy()
    c.centred = x - mean.reshape(view)
    c.inv = 1 / np.sqrt(var.reshape(view) + eps)
    y = c.gamma * c.centred * c.inv + beta.reshape(view)
    return y, (new_mean, new_var), c


def bn_backward(dy, c):
    dgamma = (dy * c.centred * c.inv).sum(axis=c.ax)
    dbeta = dy.sum(axis=c.ax)
    dxhat = dy * c.gamma
    if not c.training:
        return dxhat * c.inv, dgamma, dbeta
    dvar = (dxhat * c.centred).sum(axis=c.ax, keepdims=True) * -0.5 * c.inv**3
    dmean = -(dxhat * c.inv).sum(axis=c.ax, keepdims=True)
    return dxhat * c.inv + dvar * 2 * c.centred / c.m + dmean / c.m, dgamma, dbeta

"""Style: one feature after the other through a matrix of slopes, float64 inside."""

import numpy as np


def bn_forward(x, gamma, beta, running, momentum, eps, training):
    kind = x.dtype
    X = np.swapaxes(x, 0, 1).astype(np.float64)
    D = len(X)
    flat = X.reshape(D, -1)
    n = flat.shape[1]
    rm, rv = running[0].astype(np.float64), running[1].astype(np.float64)
    new = (rm, rv)
    mean, var = rm, rv
    if training:
        mean = np.einsum("dn->d", flat) / n
        centred = flat - mean[:, None]
        ss = np.einsum("dn,dn->d", centred, centred)
        var = ss / n
        new = (rm * (1 - momentum) + momentum * mean, rv if n == 1 else rv * (1 - momentum) + momentum * ss / (n - 1))
    inv = (var + eps) ** -0.5
    h = (flat - mean[:, None]) * inv[:, None]
    y = np.swapaxes((gamma[:, None] * h + beta[:, None]).reshape(X.shape), 0, 1)
    return y.astype(kind), tuple(a.astype(kind) for a in new), (h, inv, gamma.astype(np.float64), training, kind)


def bn_backward(dy, cache):
    h, inv, gamma, training, kind = cache
    G = np.swapaxes(dy, 0, 1)
    g = G.reshape(len(h), -1).astype(np.float64)
    n = g.shape[1]
    dx = np.empty_like(h)
    for d in range(len(h)):
        slopes = np.eye(n)
        if training:
            slopes -= (1 + np.outer(h[d], h[d])) / n
        dx[d] = gamma[d] * inv[d] * (slopes @ g[d])
    dx = np.swapaxes(dx.reshape(G.shape), 0, 1).astype(kind)
    return dx, (g * h).sum(1).astype(kind), g.sum(1).astype(kind)

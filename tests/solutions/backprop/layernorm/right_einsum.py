"""Style: tokens flattened to a matrix, einsum for every sum."""

import numpy as np


def ln_forward(x, gamma, beta, eps):
    D = x.shape[-1]
    rows = x.reshape(-1, D)
    centred = rows - (np.einsum("td->t", rows) / D)[:, None]
    rstd = (np.einsum("td,td->t", centred, centred) / D + eps) ** -0.5
    x_hat = np.einsum("td,t->td", centred, rstd)
    y = np.einsum("td,d->td", x_hat, gamma) + beta
    return y.reshape(x.shape), (x_hat, rstd, gamma, x.shape)


def ln_backward(dy, cache):
    x_hat, rstd, gamma, shape = cache
    D = shape[-1]
    rows = dy.reshape(-1, D)
    g = rows * gamma
    along = np.einsum("td,td->t", g, x_hat) / D
    dx = np.einsum("td,t->td", g - (np.einsum("td->t", g) / D)[:, None] - x_hat * along[:, None], rstd)
    return dx.reshape(shape), np.einsum("td,td->d", rows, x_hat), np.einsum("td->d", rows)

"""Wrong: in training x is normalised with the running statistics as they were before."""
# says: as they were before this batch


import numpy as np


def rows(a):
    return np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])


def unrows(r, shape):
    return np.moveaxis(r.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def bn_forward(x, gamma, beta, running, momentum, eps, training):
    X = rows(x)
    rm, rv = running
    if training:
        mu, var = X.mean(0), X.var(0)
        new_var = X.var(0, ddof=1) if len(X) > 1 else rv
        new = (rm + momentum * (mu - rm), rv + momentum * (new_var - rv))
    else:
        mu, var, new = rm, rv, (rm, rv)
    mu, var = rm, rv
    std = np.sqrt(var + eps)
    xhat = (X - mu) / std
    return unrows(gamma * xhat + beta, x.shape), new, {"xhat": xhat, "std": std, "gamma": gamma, "train": training}


def bn_backward(dy, cache):
    G = rows(dy)
    xhat, std, gamma = cache["xhat"], cache["std"], cache["gamma"]
    dgamma, dbeta = (G * xhat).sum(0), G.sum(0)
    if cache["train"]:
        dX = gamma / std * (G - dbeta / len(G) - xhat * dgamma / len(G))
    else:
        dX = G * gamma / std
    return unrows(dX, dy.shape), dgamma, dbeta

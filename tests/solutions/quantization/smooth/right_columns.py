"""Style: small helpers and comprehensions over columns."""

import torch


def columns(X):
    return X.reshape(-1, X.shape[-1]).unbind(1)


def largest(column):
    return torch.max(column.max(), -column.min())


def activation_range(batches):
    per_batch = [[largest(c) for c in columns(X)] for X in batches]
    return torch.stack([torch.stack(of_column).max() for of_column in zip(*per_batch, strict=True)])


def smoothing_factors(x_max, weights, alpha):
    s = []
    for x, w in zip(x_max, activation_range(weights), strict=True):
        if x == 0 or w == 0:
            s.append(torch.ones_like(x))
        else:
            s.append(x.pow(alpha) / w.pow(1 - alpha))
    return torch.stack(s)


def fold(gamma, beta, weights, s):
    inverse = 1 / s
    scaled = [torch.stack([c * f for c, f in zip(W.unbind(1), s, strict=True)], dim=1) for W in weights]
    return gamma * inverse, beta if beta is None else beta * inverse, scaled

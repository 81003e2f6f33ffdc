"""Wrong: a column of zeros gets the median of the other factors."""
# says: Where a column of X or of all matrices is 0, s is 1; the

import torch


def activation_range(batches):
    highest = [torch.linalg.vector_norm(X, float("inf"), dim=tuple(range(X.ndim - 1))) for X in batches]
    return torch.stack(highest).max(0)[0]


def smoothing_factors(x_max, weights, alpha):
    w_max = weights[0].abs().max(0)[0]
    for W in weights[1:]:
        w_max = torch.maximum(w_max, W.abs().max(0)[0])
    live = torch.logical_and(x_max > 0, w_max > 0)
    x, w = x_max.where(live, 1), w_max.where(live, 1)
    s = torch.pow(x, alpha).div(torch.pow(w, 1 - alpha))
    return torch.where(live, s, s[live].median())


def fold(gamma, beta, weights, s):
    out = []
    for W in weights:
        V = W.clone()
        V *= s[None, :]
        out.append(V)
    return torch.div(gamma, s), (torch.div(beta, s) if beta is not None else beta), out

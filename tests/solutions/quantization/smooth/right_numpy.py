"""Style: NumPy arrays, one column after another."""

import numpy as np
import torch


def activation_range(batches):
    K = batches[0].shape[-1]
    out = np.zeros(K)
    for X in batches:
        out = np.maximum(out, np.max(np.abs(X.numpy().reshape(-1, K)), axis=0))
    return torch.tensor(out, dtype=batches[0].dtype)


def smoothing_factors(x_max, weights, alpha):
    x = x_max.numpy().astype(np.float64)
    w = np.max([np.abs(W.numpy()).max(axis=0) for W in weights], axis=0).astype(np.float64)
    s = np.ones_like(x)
    both = (x > 0) & (w > 0)
    s[both] = np.power(x[both], alpha) * np.power(w[both], alpha - 1)
    return torch.tensor(s, dtype=x_max.dtype)


def fold(gamma, beta, weights, s):
    def split(v):
        return None if v is None else torch.from_numpy(v.numpy() / s.numpy())

    return split(gamma), split(beta), [torch.from_numpy(np.einsum("nk,k->nk", W.numpy(), s.numpy())) for W in weights]

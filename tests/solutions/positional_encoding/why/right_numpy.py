"""Style: NumPy arrays in and between, torch at the door."""

import itertools

import numpy as np
import torch


def shuffled(x, order):
    return torch.from_numpy(np.take(x.numpy(), order, axis=-2))


def order_error(f, x, perm):
    order = perm.numpy()
    return float(np.max(np.abs(f(shuffled(x, order)).numpy() - np.take(f(x).numpy(), order, axis=-2))))


def noticed(f, x, tol):
    n = x.shape[0]
    out = np.zeros((n, n), bool)
    for i, j in itertools.product(range(n), repeat=2):
        order = np.arange(n)
        order[[i, j]] = order[[j, i]]
        out[i, j] = i != j and order_error(f, x, torch.from_numpy(order)) > tol
    return torch.from_numpy(out)


def another_order(x):
    a = x.numpy()
    for i, j in itertools.combinations(range(len(a) - 1), 2):
        if not np.array_equal(a[i], a[j]):
            b = a.copy()
            b[[i, j]] = b[[j, i]]
            return torch.from_numpy(b)
    return None


def with_positions(f, x, P):
    return f(torch.from_numpy(x.numpy() + P.numpy()[: x.shape[-2]]))

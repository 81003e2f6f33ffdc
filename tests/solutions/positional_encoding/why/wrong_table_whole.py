"""Wrong: adds the whole table, which only does where it is as long as the text."""
# says: must match the size of tensor

import torch


def order_error(f, x, perm):
    return (f(x[..., perm, :]) - f(x)[..., perm, :]).abs().max().item()


def noticed(f, x, tol):
    n = len(x)
    found = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        for j in range(i + 1, n):
            perm = torch.arange(n)
            perm[i], perm[j] = j, i
            found[i, j] = found[j, i] = order_error(f, x, perm) > tol
    return found


def another_order(x):
    for j in range(1, len(x) - 1):
        if not torch.equal(x[0], x[j]):
            y = x.clone()
            y[0], y[j] = x[j], x[0]
            return y
    return None


def with_positions(f, x, P):
    return f(x + P)

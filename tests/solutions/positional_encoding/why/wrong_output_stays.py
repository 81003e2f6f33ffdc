"""Wrong: expects the output to stay the same, as for an invariant function."""
# says: they move with their tokens

import torch


def order_error(f, x, perm):
    return (f(x[..., perm, :]) - f(x)).abs().max().item()


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
    return f(x + P[: x.shape[-2]])

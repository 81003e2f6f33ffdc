"""Wrong: draws a random order of the tokens before the last."""
# says: another_order

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
    n = len(x)
    if n < 3 or bool((x[:-1] == x[0]).all()):
        return None
    y = x
    while torch.equal(y, x):
        y = torch.cat((x[:-1][torch.randperm(n - 1)], x[-1:]))
    return y


def with_positions(f, x, P):
    return f(x + P[: x.shape[-2]])

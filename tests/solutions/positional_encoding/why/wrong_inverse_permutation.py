"""Wrong: the outputs are shuffled back with the inverse permutation."""
# says: `order_error` shuffles the outputs by the inverse of π. They

from collections.abc import Callable

import torch
from torch import Tensor


def order_error(f: Callable[[Tensor], Tensor], x: Tensor, perm: Tensor) -> float:
    before = f(x[..., perm, :])
    after = f(x)[..., perm.argsort(), :]
    return (before - after).abs().max().item()


def exchange(n: int, i: int, j: int) -> Tensor:
    perm = torch.arange(n)
    perm[i], perm[j] = j, i
    return perm


def noticed(f: Callable[[Tensor], Tensor], x: Tensor, tol: float) -> Tensor:
    n = x.shape[-2]
    seen = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        for j in range(i + 1, n):
            seen[i, j] = seen[j, i] = order_error(f, x, exchange(n, i, j)) > tol
    return seen


def another_order(x: Tensor) -> Tensor | None:
    n = x.shape[0]
    movable = n - 1  # the last place has to hold the same word
    for i in range(movable):
        for j in range(i + 1, movable):
            if not torch.equal(x[i], x[j]):
                return x[exchange(n, i, j)]
    return None


def with_positions(f: Callable[[Tensor], Tensor], x: Tensor, P: Tensor) -> Tensor:
    n = x.shape[-2]
    return f(x + P[:n])

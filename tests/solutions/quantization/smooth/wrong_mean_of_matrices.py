"""Wrong: each column is as large as the mean of its matrices' largest, not the largest over all of them."""
# says: You average the maxima of the matrices. The largest of all

import torch
from torch import Tensor


def activation_range(batches: list[Tensor]) -> Tensor:
    tops = [b.abs().reshape(-1, b.shape[-1]).amax(dim=0) for b in batches]
    return torch.stack(tops).amax(dim=0)


def smoothing_factors(x_max: Tensor, weights: list[Tensor], alpha: float) -> Tensor:
    w_max = torch.stack([W.abs().amax(dim=0) for W in weights]).mean(dim=0)
    empty = (x_max == 0) | (w_max == 0)
    one = torch.ones_like(x_max)
    x = torch.where(empty, one, x_max)
    w = torch.where(empty, one, w_max)
    return x**alpha / w ** (1 - alpha)


def fold(
    gamma: Tensor, beta: Tensor | None, weights: list[Tensor], s: Tensor
) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    shift = None if beta is None else beta / s
    return gamma / s, shift, [W * s for W in weights]

"""Wrong: alpha and 1 - alpha have changed places, so that a large alpha leaves the difficulty with X."""
# says: Your exponents are exchanged: x_max has α and w_max has 1 -

import torch
from torch import Tensor


def activation_range(batches: list[Tensor]) -> Tensor:
    tops = [b.abs().reshape(-1, b.shape[-1]).amax(dim=0) for b in batches]
    return torch.stack(tops).amax(dim=0)


def smoothing_factors(x_max: Tensor, weights: list[Tensor], alpha: float) -> Tensor:
    w_max = torch.cat(weights, dim=0).abs().amax(dim=0)
    empty = (x_max == 0) | (w_max == 0)
    one = torch.ones_like(x_max)
    x = torch.where(empty, one, x_max)
    w = torch.where(empty, one, w_max)
    return x ** (1 - alpha) / w**alpha


def fold(
    gamma: Tensor, beta: Tensor | None, weights: list[Tensor], s: Tensor
) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    shift = None if beta is None else beta / s
    return gamma / s, shift, [W * s for W in weights]

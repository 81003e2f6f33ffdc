"""Living columns are chosen by a mask; the search is a plain loop over the fractions."""

import torch
from quantization.granularity import dequant_groups, quantize_groups
from torch import Tensor


def importance(X: Tensor) -> Tensor:
    return X.abs().reshape(-1, X.shape[-1]).mean(dim=0)


def awq_scales(a: Tensor, alpha: float) -> Tensor:
    s = torch.ones_like(a)
    live = a > 0
    if live.any():
        power = a[live] ** alpha
        s[live] = power / (power.max().sqrt() * power.min().sqrt())
    return s


def quantized_weight(W: Tensor, s: Tensor, bits: int, group: int) -> Tensor:
    q, scale = quantize_groups(W * s, bits, group)
    return dequant_groups(q, scale, group) / s


def search(W: Tensor, X: Tensor, bits: int, group: int, steps: int = 20) -> tuple[float, Tensor]:
    a = importance(X)
    found, least = 0.0, float("inf")
    for i in range(steps + 1):
        W_hat = quantized_weight(W, awq_scales(a, i / steps), bits, group)
        error = (X @ (W - W_hat).T).square().mean().item()
        if error < least:
            found, least = i / steps, error
    return found, awq_scales(a, found)

"""Lists sorted by comprehensions, the products of the two layers written out as a backward pass."""

import math

import torch
from torch import Tensor, nn


def rank_scaling(alpha: float, r: int, stabilized: bool = True) -> float:
    if stabilized:
        return alpha / math.sqrt(r)
    return alpha / r


def stabilized_alpha(alpha: float, r: int) -> float:
    return rank_scaling(alpha, r, stabilized=False) / rank_scaling(1.0, r)


def plus_step(
    A: Tensor, B: Tensor, X: Tensor, G: Tensor, scaling: float, lr: float, ratio: float
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        middle = X @ A.T  # (n, r)
        back = G @ B  # (n, r)
        dA = scaling * back.T @ X
        dB = scaling * G.T @ middle
        return A - lr * dA, B - lr * ratio * dB


def param_groups(model: nn.Module, lr: float, ratio: float = 16.0, weight_decay: float = 0.0) -> list[dict]:
    trained = [(name.rpartition(".")[2], p) for name, p in model.named_parameters() if p.requires_grad]
    fast = [p for name, p in trained if name == "lora_B"]
    plain = [p for name, p in trained if name != "lora_B" and p.dim() > 1]
    small = [p for name, p in trained if name != "lora_B" and p.dim() < 2]
    groups = []
    for params, rate, decay in ((plain, lr, weight_decay), (fast, lr * ratio, weight_decay), (small, lr, 0.0)):
        if params:
            groups.append({"params": params, "lr": rate, "weight_decay": decay})
    return groups

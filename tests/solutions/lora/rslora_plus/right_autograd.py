"""The gradients from autograd on clones; the groups from modules and their own parameters."""

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
    A, B = A.detach().clone().requires_grad_(), B.detach().clone().requires_grad_()
    loss = (scaling * (X.detach() @ A.T @ B.T) * G.detach()).sum()
    dA, dB = torch.autograd.grad(loss, (A, B))
    return (A - lr * dA).detach(), (B - lr * ratio * dB).detach()


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

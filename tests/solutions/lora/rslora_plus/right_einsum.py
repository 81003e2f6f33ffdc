"""einsum for the gradients, a dictionary of groups by kind, exponents for the scaling."""

import torch
from torch import Tensor, nn


def rank_scaling(alpha: float, r: int, stabilized: bool = True) -> float:
    return float(alpha) * float(r) ** -(0.5 if stabilized else 1.0)


def stabilized_alpha(alpha: float, r: int) -> float:
    return alpha * r**-0.5


def plus_step(
    A: Tensor, B: Tensor, X: Tensor, G: Tensor, scaling: float, lr: float, ratio: float
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        dA = torch.einsum("no,or,ni->ri", G, B, X)
        dB = torch.einsum("no,ni,ri->or", G, X, A)
        return torch.add(A, dA, alpha=-lr * scaling), torch.add(B, dB, alpha=-lr * ratio * scaling)


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

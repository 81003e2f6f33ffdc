"""Wrong: the gradient of B is taken at the A that has been changed already."""
# says: You change A first and take B's gradient with the new A

import torch
from torch import Tensor, nn


def rank_scaling(alpha: float, r: int, stabilized: bool = True) -> float:
    return alpha / r**0.5 if stabilized else alpha / r


def stabilized_alpha(alpha: float, r: int) -> float:
    return alpha / r**0.5


def plus_step(
    A: Tensor, B: Tensor, X: Tensor, G: Tensor, scaling: float, lr: float, ratio: float
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        grad_A = scaling * (G @ B).T @ X
        A_new = A - lr * grad_A
        grad_B = scaling * G.T @ (X @ A_new.T)
        B_new = B - lr * ratio * grad_B
    return A_new, B_new


def param_groups(model: nn.Module, lr: float, ratio: float = 16.0, weight_decay: float = 0.0) -> list[dict]:
    matrices, b_factors, vectors = [], [], []
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if name.split(".")[-1] == "lora_B":
            b_factors.append(p)
        elif p.ndim >= 2:
            matrices.append(p)
        else:
            vectors.append(p)
    groups = [
        {"params": matrices, "lr": lr, "weight_decay": weight_decay},
        {"params": b_factors, "lr": lr * ratio, "weight_decay": weight_decay},
        {"params": vectors, "lr": lr, "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]

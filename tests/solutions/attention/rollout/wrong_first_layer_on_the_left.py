"""Wrong: multiplies the layers of the table in the order in which they run, M_1 M_2 ... M_L."""
# says: In `rollout` the layers are multiplied in the wrong order

import torch
from torch import Tensor


def mix(A: Tensor, residual: float = 0.5) -> Tensor:
    read = A.mean(dim=-3)
    stay = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return residual * stay + (1 - residual) * read


def rollout(attentions: list[Tensor], residual: float = 0.5) -> Tensor:
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        R = R @ mix(A, residual)
    return R


def trace(attentions: list[Tensor], token: int, residual: float = 0.5) -> Tensor:
    row = mix(attentions[-1], residual)[..., token, :].unsqueeze(-2)
    for A in reversed(attentions[:-1]):
        row = row @ mix(A, residual)
    return row.squeeze(-2)

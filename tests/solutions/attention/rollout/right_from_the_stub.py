"""A matrix product from the left for the table, a row taken down through the layers for the trace."""

import torch
from torch import Tensor


def mix(A: Tensor, residual: float = 0.5) -> Tensor:
    read = A.mean(dim=-3)
    stay = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return residual * stay + (1 - residual) * read


def rollout(attentions: list[Tensor], residual: float = 0.5) -> Tensor:
    R = mix(attentions[0], residual)
    for A in attentions[1:]:
        R = mix(A, residual) @ R
    return R


def trace(attentions: list[Tensor], token: int, residual: float = 0.5) -> Tensor:
    row = mix(attentions[-1], residual)[..., token, :].unsqueeze(-2)
    for A in reversed(attentions[:-1]):
        row = row @ mix(A, residual)
    return row.squeeze(-2)

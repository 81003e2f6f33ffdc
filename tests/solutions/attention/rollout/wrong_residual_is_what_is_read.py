"""Wrong: gives the share called residual to what was read, and the rest to the token itself."""
# says: The shares are exchanged: `residual` is what stays (the

import torch
from torch import Tensor


def mix(A: Tensor, residual: float = 0.5) -> Tensor:
    read = A.mean(dim=-3)
    stay = torch.eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return (1 - residual) * stay + residual * read


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

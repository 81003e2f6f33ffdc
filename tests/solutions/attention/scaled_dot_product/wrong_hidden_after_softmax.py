"""Wrong: hides the keys after the softmax over all of them and divides the rest by its sum, which is 0 where a hidden key had all the weight."""

import math

import torch
from torch import Tensor


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    A = torch.softmax(S, dim=-1) * mask
    A = A / A.sum(dim=-1, keepdim=True).clamp(min=1e-30)
    return A @ V

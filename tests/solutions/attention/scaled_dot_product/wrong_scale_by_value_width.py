"""Wrong: divides the scores by the root of the width of the values, not of the keys."""
# says: The scores are divided by the square root of the width of the

import math

import torch
from torch import Tensor


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    S = Q @ K.transpose(-2, -1) / math.sqrt(V.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    blind = ~mask.any(dim=-1, keepdim=True)
    S = S.masked_fill(~mask, -math.inf).masked_fill(blind, 0.0)
    A = torch.softmax(S, dim=-1).masked_fill(~mask, 0.0)
    return A @ V

"""Wrong: adds minus infinity to the hidden scores and replaces the NaN of rows without a key after the softmax, which leaves it in the gradients."""
# says: The result is right, but the gradients of Q and K are NaN

import math

import torch
from torch import Tensor


def sdpa(Q: Tensor, K: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    S = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])
    if mask is None:
        return torch.softmax(S, dim=-1) @ V
    S = S + torch.zeros(mask.shape, dtype=S.dtype).masked_fill(~mask, -math.inf)
    A = torch.softmax(S, dim=-1).nan_to_num(0.0)
    return A @ V

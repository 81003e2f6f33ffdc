"""Wrong: takes every entry of an additive mask below -10⁸ for hidden, though only minus infinity hides."""
# says: A large negative number in an additive mask counts as hidden

import math

import torch
from torch import Tensor


def _seen(S: Tensor, mask: Tensor) -> Tensor:
    seen = mask if mask.dtype == torch.bool else mask > -1e8
    return seen.expand(S.shape)


def masked_softmax(S: Tensor, mask: Tensor | None = None) -> Tensor:
    if mask is None:
        return torch.softmax(S, dim=-1)
    seen = _seen(S, mask)
    wide = S.float() if S.dtype in (torch.float16, torch.bfloat16) else S
    if mask.dtype != torch.bool:
        wide = wide + mask.to(wide.dtype)
    wide = wide.masked_fill(~seen, -math.inf)
    wide = wide.masked_fill(~seen.any(dim=-1, keepdim=True), 0.0)
    A = torch.softmax(wide, dim=-1).masked_fill(~seen, 0.0)
    return A.to(S.dtype)


def attend(S: Tensor, V: Tensor, mask: Tensor | None = None) -> Tensor:
    if mask is not None:
        used = _seen(S, mask).any(dim=-2)
        V = V.masked_fill(~used.unsqueeze(-1), 0.0)
    return masked_softmax(S, mask) @ V

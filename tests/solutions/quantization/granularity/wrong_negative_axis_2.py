"""Wrong: does not turn a negative axis into a positive one, and so shares one scale over all of x there."""
# says: A negative `axis` does not find its axis in your code: -1 is

import torch
from torch import Tensor


def _scale(largest: Tensor, bits: int) -> Tensor:
    scale = largest / (2 ** (bits - 1) - 1)
    return torch.where(largest == 0, torch.ones_like(scale), scale)


def quantize_axis(x: Tensor, bits: int, axis: int | None) -> tuple[Tensor, Tensor]:
    keep = None if axis is None else axis
    shared = [d for d in range(x.dim()) if d != keep]
    scale = _scale(x.abs().amax(dim=shared, keepdim=True), bits)
    return torch.round(x / scale).to(torch.int8), scale


def quantize_groups(W: Tensor, bits: int, group: int) -> tuple[Tensor, Tensor]:
    N, K = W.shape
    group = min(group, K)
    count = -(-K // group)
    padded = torch.nn.functional.pad(W, (0, count * group - K)).reshape(N, count, group)
    scale = _scale(padded.abs().amax(dim=-1), bits)
    q = torch.round(padded / scale[:, :, None]).to(torch.int8)
    return q.reshape(N, count * group)[:, :K], scale


def dequant_groups(q: Tensor, scale: Tensor, group: int) -> Tensor:
    column_group = torch.arange(q.shape[1], device=q.device) // group
    return q.to(scale.dtype) * scale[:, column_group]

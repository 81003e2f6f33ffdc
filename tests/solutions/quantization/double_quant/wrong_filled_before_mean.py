"""Wrong: the absmax are filled up with zeros before the mean is subtracted, so that the last block holds deviations of minus the mean."""
# says: You fill up the last block before you subtract the mean: the

import torch
import torch.nn.functional as F
from torch import Tensor


def compress_absmax(absmax: Tensor, outer: int) -> tuple[Tensor, Tensor, Tensor]:
    m = absmax.shape[0]
    mean = absmax.mean()
    rows = (F.pad(absmax, (0, -m % outer)) - mean).reshape(-1, outer)
    scale = rows.abs().amax(1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    q = (rows / scale[:, None]).round().clamp(-127, 127)
    return q.flatten()[:m].to(torch.int8), scale, mean


def restore_absmax(q: Tensor, scale: Tensor, mean: Tensor, outer: int) -> Tensor:
    of_each = scale.repeat_interleave(outer)[: q.shape[0]]
    return (mean + of_each * q).clamp(min=0)


def dequant_double(
    codes: Tensor, q: Tensor, scale: Tensor, mean: Tensor, levels: Tensor, block: int, outer: int
) -> Tensor:
    absmax = restore_absmax(q, scale, mean, outer)
    of_each = absmax.repeat_interleave(block)[: codes.shape[0]]
    return of_each * levels[codes.long()].to(scale.dtype)


def constant_bits(n: int, block: int, outer: int | None) -> int:
    m = -(-n // block)
    if outer is None:
        return 32 * m
    return 8 * m + 32 * -(-m // outer) + 32

"""Wrong: half-way cases are rounded away from 0, not to the even integer."""
# says: Half-way cases go to the even code

import torch
from torch.nn import functional as F


def scale_of(largest, bits):
    return torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))


def codes(y):
    return (y.sign() * (y.abs() + 0.5).floor()).to(torch.int8)


def quantize_axis(x, bits, axis):
    largest = x.abs()
    for d in range(x.ndim):
        if axis is None or d != axis % x.ndim:
            largest = largest.amax(d, keepdim=True)
    scale = scale_of(largest, bits)
    return codes(x / scale), scale


def quantize_groups(W, bits, group):
    N, K = W.shape
    parts = F.pad(W, (0, -K % group)).reshape(N, -1, group)
    scale = scale_of(parts.abs().amax(2), bits)
    return codes(parts / scale[:, :, None]).reshape(N, -1)[:, :K], scale


def dequant_groups(q, scale, group):
    return q * scale.repeat_interleave(group, 1)[:, : q.shape[1]]

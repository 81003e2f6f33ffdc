"""Wrong: an outer block without any deviation gets a tiny scale instead of 1."""
# says: Without any deviation the scale is 1 and the codes 0

import torch
from torch.nn import functional as F


def compress_absmax(absmax, outer):
    m = len(absmax)
    mean = absmax.mean()
    parts = F.pad(absmax - mean, (0, -m % outer)).reshape(-1, outer)
    largest = parts.abs().amax(1)
    scale = largest.clamp(min=1e-8) / 127
    q = torch.round(parts / scale[:, None]).to(torch.int8)
    return q.reshape(-1)[:m], scale, mean


def restore_absmax(q, scale, mean, outer):
    return torch.clamp(mean + scale.repeat_interleave(outer)[: len(q)] * q, min=0)


def dequant_double(codes, q, scale, mean, levels, block, outer):
    absmax = restore_absmax(q, scale, mean, outer)
    return levels.to(absmax.dtype)[codes.long()] * absmax.repeat_interleave(block)[: len(codes)]


def constant_bits(n, block, outer):
    m = -(-n // block)
    if outer is None:
        return 32 * m
    return 8 * m + 32 * (-(-m // outer)) + 32

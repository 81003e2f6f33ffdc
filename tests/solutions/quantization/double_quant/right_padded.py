"""Style: deviations padded with zeros and laid out as a matrix; each weight picks its absmax by its place // block."""

import torch
from torch.nn import functional as F


def blocks(v, size):
    return F.pad(v, (0, -len(v) % size)).unflatten(0, (-1, size))


def compress_absmax(absmax, outer):
    mean = absmax.mean()
    parts = blocks(absmax - mean, outer)
    scale = parts.abs().amax(1) / 127
    scale = scale.masked_fill(parts.eq(0).all(1), 1)
    q = (parts / scale[:, None]).round().to(torch.int8)
    return q.flatten()[: len(absmax)], scale, mean


def restore_absmax(q, scale, mean, outer):
    return (mean + torch.einsum("bo,b->bo", blocks(q, outer).to(scale.dtype), scale)).flatten()[: len(q)].relu()


def dequant_double(codes, q, scale, mean, levels, block, outer):
    c = restore_absmax(q, scale, mean, outer)
    return torch.einsum("n,n->n", levels.to(c.dtype)[codes.int()], c[torch.arange(len(codes)) // block])


def constant_bits(n, block, outer):
    m = -(-n // block)
    return m * 32 if outer is None else m * 8 + -(-m // outer) * 32 + 32

"""Style: a plain loop over the outer blocks, and one over the weights."""

import torch


def compress_absmax(absmax, outer):
    mean = absmax.mean()
    q = []
    scales = []
    for start in range(0, len(absmax), outer):
        deviation = absmax[start : start + outer] - mean
        largest = deviation.abs().max()
        if largest == 0:
            scale = torch.ones_like(largest)
        else:
            scale = largest / 127
        scales.append(scale)
        q.append(torch.round(deviation / scale).to(torch.int8))
    return torch.cat(q), torch.stack(scales), mean


def restore_absmax(q, scale, mean, outer):
    out = torch.zeros(len(q), dtype=scale.dtype)
    for i in range(len(q)):
        value = mean + scale[i // outer] * q[i]
        if value > 0:
            out[i] = value
    return out


def dequant_double(codes, q, scale, mean, levels, block, outer):
    absmax = restore_absmax(q, scale, mean, outer)
    out = torch.zeros(len(codes), dtype=scale.dtype)
    for i in range(len(codes)):
        out[i] = absmax[i // block] * levels[int(codes[i])]
    return out


def constant_bits(n, block, outer):
    m = (n + block - 1) // block
    if outer is None:
        return 32 * m
    return 8 * m + 32 * ((m + outer - 1) // outer) + 32

"""Style: a plain loop over the indices of the axis and over the groups of each row."""

import torch


def one_part(part, bits):
    q_max = 2 ** (bits - 1) - 1
    largest = part.abs().max()
    if largest == 0:
        scale = torch.ones_like(largest)
    else:
        scale = largest / q_max
    return torch.round(part / scale).to(torch.int8), scale


def quantize_axis(x, bits, axis):
    if axis is None:
        q, scale = one_part(x, bits)
        return q, scale.reshape([1] * x.dim())
    codes = []
    scales = []
    for i in range(x.shape[axis]):
        q, scale = one_part(x.select(axis, i), bits)
        codes.append(q)
        scales.append(scale)
    shape = [1] * x.dim()
    shape[axis] = x.shape[axis]
    return torch.stack(codes, dim=axis), torch.stack(scales).reshape(shape)


def quantize_groups(W, bits, group):
    N, K = W.shape
    count = (K + group - 1) // group
    q = torch.zeros(N, K, dtype=torch.int8)
    scale = torch.zeros(N, count, dtype=W.dtype)
    for n in range(N):
        for g in range(count):
            start = g * group
            end = min(start + group, K)
            q[n, start:end], scale[n, g] = one_part(W[n, start:end], bits)
    return q, scale


def dequant_groups(q, scale, group):
    out = torch.zeros(q.shape, dtype=scale.dtype)
    for n in range(q.shape[0]):
        for k in range(q.shape[1]):
            out[n, k] = scale[n, k // group] * q[n, k]
    return out

"""Style: every number is given the index of its group, and the largest of each come from scatter_reduce."""

import torch


def codes(x, scale):
    return (x / scale).round().to(torch.int8)


def scale_of(largest, bits):
    return torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))


def quantize_axis(x, bits, axis):
    keep = None if axis is None else axis % x.ndim
    scale = scale_of(x.abs().amax([d for d in range(x.ndim) if d != keep], keepdim=True), bits)
    return codes(x, scale), scale


def owners(shape, group):
    return (torch.arange(shape[1]) // group).expand(shape)


def quantize_groups(W, bits, group):
    index = owners(W.shape, group)
    largest = W.new_zeros(W.shape[0], -(-W.shape[1] // group)).scatter_reduce(1, index, W.abs(), "amax")
    scale = scale_of(largest, bits)
    return codes(W, scale.gather(1, index)), scale


def dequant_groups(q, scale, group):
    return q * scale.gather(1, owners(q.shape, group))

"""Wrong: the axes to reduce are all d != axis, so that axis = -1 reduces every one of them."""
# says: A negative `axis` does not find its axis in your code

import torch
from torch.nn import functional as F


def scale_of(largest, bits):
    return torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))


def quantize_axis(x, bits, axis):
    dims = [d for d in range(x.ndim) if d != axis]
    scale = scale_of(x.abs().amax(dims, keepdim=True), bits)
    return torch.round(x / scale).to(torch.int8), scale


def quantize_groups(W, bits, group):
    N, K = W.shape
    parts = F.pad(W, (0, -K % group)).reshape(N, -1, group)
    scale = scale_of(parts.abs().amax(2), bits)
    q = torch.round(parts / scale[:, :, None]).to(torch.int8)
    return q.reshape(N, -1)[:, :K], scale


def dequant_groups(q, scale, group):
    return q * scale.repeat_interleave(group, 1)[:, : q.shape[1]]

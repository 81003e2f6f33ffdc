"""Wrong: where group does not divide K, the row is cut into parts as equal as possible, not into full groups and a rest."""
# says: In `quantize_groups` you cut a row into parts as equal as possible

import torch


def scale_of(largest, bits):
    return torch.where(largest == 0, torch.ones_like(largest), largest / (2 ** (bits - 1) - 1))


def quantize_axis(x, bits, axis):
    dims = [d for d in range(x.ndim) if axis is None or d != axis % x.ndim]
    scale = scale_of(x.abs().amax(dims, keepdim=True), bits)
    return torch.round(x / scale).to(torch.int8), scale


def quantize_groups(W, bits, group):
    parts = torch.tensor_split(W, -(-W.shape[1] // group), dim=1)
    scales = [scale_of(p.abs().amax(1), bits) for p in parts]
    q = [torch.round(p / s[:, None]).to(torch.int8) for p, s in zip(parts, scales)]
    return torch.cat(q, 1), torch.stack(scales, 1)


def dequant_groups(q, scale, group):
    parts = torch.tensor_split(q, scale.shape[1], dim=1)
    return torch.cat([p * scale[:, g : g + 1] for g, p in enumerate(parts)], 1)

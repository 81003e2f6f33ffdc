"""Wrong: a block of zeros is divided by its absmax of 0, and the NaNs get whatever code argmin gives them."""
# says: A block of zeros gets 0 / 0

import torch


def nf4_levels():
    delta = 1 - (1 / 30 + 1 / 32) / 2
    up = torch.special.ndtri(torch.linspace(delta, 0.5, 9, dtype=torch.float64)[:-1])
    down = -torch.special.ndtri(torch.linspace(delta, 0.5, 8, dtype=torch.float64)[:-1])
    levels = torch.cat([up, torch.zeros(1, dtype=torch.float64), down]).sort().values
    return (levels / levels.max()).to(torch.float32)


def quantize_blocks(x, levels, block):
    codes, absmax = [], []
    for part in x.reshape(-1).split(block):
        absmax.append(part.abs().max())
        y = part / absmax[-1]
        codes.append((y[:, None] - levels).abs().argmin(1))
    return torch.cat(codes).to(torch.uint8), torch.stack(absmax)


def dequant_blocks(codes, absmax, levels, block):
    return levels.to(absmax.dtype)[codes.long()] * absmax.repeat_interleave(block)[: len(codes)]


def pack(codes):
    if len(codes) % 2:
        codes = torch.cat([codes, codes.new_zeros(1)])
    return codes[::2] * 16 + codes[1::2]


def unpack(packed, n):
    return torch.stack([packed >> 4, packed & 15], 1).reshape(-1)[:n]

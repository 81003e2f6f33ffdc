"""Wrong: blocks are cut from each row by itself, with a shorter one at the end of every row."""
# says: Your blocks begin anew in each row

import torch


def nf4_levels():
    delta = 1 - (1 / 30 + 1 / 32) / 2
    up = torch.special.ndtri(torch.linspace(delta, 0.5, 9, dtype=torch.float64)[:-1])
    down = -torch.special.ndtri(torch.linspace(delta, 0.5, 8, dtype=torch.float64)[:-1])
    levels = torch.cat([up, torch.zeros(1, dtype=torch.float64), down]).sort().values
    return (levels / levels.max()).to(torch.float32)


def quantize_blocks(x, levels, block):
    codes, absmax = [], []
    for part in [p for row in x.reshape(-1, x.shape[-1]) for p in row.split(block)]:
        absmax.append(part.abs().max())
        y = part / (absmax[-1] if absmax[-1] > 0 else 1)
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

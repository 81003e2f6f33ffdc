"""Style: a plain loop over the blocks, the numbers and the bytes."""

import torch


def nf4_levels():
    delta = 1 - (1 / 30 + 1 / 32) / 2
    levels = [0.0]
    for i in range(8):
        p = delta + (0.5 - delta) * i / 8
        levels.append(torch.special.ndtri(torch.tensor(p, dtype=torch.float64)).item())
    for i in range(7):
        p = delta + (0.5 - delta) * i / 7
        levels.append(-torch.special.ndtri(torch.tensor(p, dtype=torch.float64)).item())
    levels.sort()
    return torch.tensor([v / levels[-1] for v in levels], dtype=torch.float32)


def quantize_blocks(x, levels, block):
    flat = x.reshape(-1)
    codes = []
    absmax = []
    for start in range(0, len(flat), block):
        part = flat[start : start + block]
        largest = part.abs().max()
        absmax.append(largest)
        for value in part:
            if largest == 0:
                distance = (0 - levels).abs()
            else:
                distance = (value / largest - levels).abs()
            codes.append(distance.argmin().item())
    return torch.tensor(codes, dtype=torch.uint8), torch.stack(absmax)


def dequant_blocks(codes, absmax, levels, block):
    out = torch.zeros(len(codes), dtype=absmax.dtype)
    for i, code in enumerate(codes.tolist()):
        out[i] = absmax[i // block] * levels[code]
    return out


def pack(codes):
    numbers = codes.tolist()
    if len(numbers) % 2 == 1:
        numbers.append(0)
    return torch.tensor([16 * a + b for a, b in zip(numbers[::2], numbers[1::2])], dtype=torch.uint8)


def unpack(packed, n):
    codes = []
    for byte in packed.tolist():
        codes.append(byte // 16)
        codes.append(byte % 16)
    return torch.tensor(codes[:n], dtype=torch.uint8)

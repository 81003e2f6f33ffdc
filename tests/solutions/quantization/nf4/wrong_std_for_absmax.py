"""Blocks are scaled by their root mean square."""
# says: Each block is scaled by its largest magnitude, each number

import numpy as np
import torch
from torch import Tensor


def nf4_levels() -> Tensor:
    delta = (29 / 30 + 31 / 32) / 2
    pos = torch.special.ndtri(torch.linspace(0.5, delta, 9).double())[1:]
    neg = torch.special.ndtri(torch.linspace(0.5, delta, 8).double())[1:]
    out = torch.cat((-neg.flip(0), torch.zeros(1), pos)).float()
    return out / out[-1]


def quantize_blocks(x: Tensor, levels: Tensor, block: int) -> tuple[Tensor, Tensor]:
    flat = x.reshape(-1).numpy()
    grid = levels.numpy().astype(flat.dtype)
    starts = np.arange(0, flat.size, block)
    absmax = np.sqrt(np.add.reduceat(flat**2, starts) / np.add.reduceat(np.ones_like(flat), starts))
    safe = np.where(absmax == 0, 1, absmax)
    unit = flat / safe[np.arange(flat.size) // block]
    right = np.clip(np.searchsorted(grid, unit), 1, 15)
    left = right - 1
    codes = np.where(unit - grid[left] < grid[right] - unit, left, right)
    return torch.from_numpy(codes.astype(np.uint8)), torch.from_numpy(absmax)


def dequant_blocks(codes: Tensor, absmax: Tensor, levels: Tensor, block: int) -> Tensor:
    out = torch.empty(len(codes), dtype=absmax.dtype)
    for b, m in enumerate(absmax):
        part = slice(b * block, (b + 1) * block)
        out[part] = torch.take(levels, codes[part].long()) * m
    return out


def pack(codes: Tensor) -> Tensor:
    numbers = codes.tolist() + [0] * (len(codes) & 1)
    return torch.tensor([(a << 4) | b for a, b in zip(numbers[::2], numbers[1::2])], dtype=torch.uint8)


def unpack(packed: Tensor, n: int) -> Tensor:
    both = [nibble for byte in packed.tolist() for nibble in divmod(byte, 16)]
    return torch.tensor(both[:n], dtype=torch.uint8)

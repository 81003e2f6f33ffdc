"""Wrong: returns the divisor 1 as the absmax of a block of zeros, which is 0."""
# says: A block of zeros gets an absmax that is not 0. Divide by

import torch
from torch import Tensor


def nf4_levels() -> Tensor:
    delta = 1 - (1 / 30 + 1 / 32) / 2
    above = torch.special.ndtri(torch.linspace(delta, 0.5, 9, dtype=torch.float64)[:-1])
    below = -torch.special.ndtri(torch.linspace(delta, 0.5, 8, dtype=torch.float64)[:-1])
    levels = torch.cat([below, torch.zeros(1, dtype=torch.float64), above]).sort().values
    return (levels / levels.max()).float()


def quantize_blocks(x: Tensor, levels: Tensor, block: int) -> tuple[Tensor, Tensor]:
    flat = x.reshape(-1)
    n = flat.numel()
    block = min(block, n)
    blocks = torch.nn.functional.pad(flat, (0, -n % block)).reshape(-1, block)
    absmax = blocks.abs().amax(dim=1)
    divisor = torch.where(absmax == 0, torch.ones_like(absmax), absmax)
    scaled = (blocks / divisor[:, None]).reshape(-1)[:n]
    grid = levels.to(x.dtype)
    middles = (grid[1:] + grid[:-1]) / 2
    return torch.bucketize(scaled, middles).to(torch.uint8), divisor


def dequant_blocks(codes: Tensor, absmax: Tensor, levels: Tensor, block: int) -> Tensor:
    owner = torch.arange(codes.numel(), device=codes.device) // block
    return levels.to(absmax.dtype)[codes.long()] * absmax[owner]


def pack(codes: Tensor) -> Tensor:
    pairs = torch.nn.functional.pad(codes, (0, codes.numel() % 2)).reshape(-1, 2)
    return (pairs[:, 0] << 4) | pairs[:, 1]


def unpack(packed: Tensor, n: int) -> Tensor:
    return torch.stack([packed >> 4, packed & 15], dim=1).reshape(-1)[:n]

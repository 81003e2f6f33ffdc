"""# NF4: sixteen levels for numbers that are normally distributed

Four bits name sixteen numbers. *Which* sixteen? An even grid spends most of them where a trained weight
hardly ever lies: weights are nearly normally distributed, crowded about 0 and rare at the ends. QLoRA's
*4-bit NormalFloat* puts the levels at quantiles of the normal distribution, so that all sixteen are used
about equally often. A 7B model fits into 4 GB this way, and can be fine-tuned on one card.

## The formula

The levels, with Φ⁻¹ the quantile function of the standard normal distribution (`torch.special.ndtri`) and
δ = 1 - (1/30 + 1/32) / 2 ≈ 0.96771:

    above 0:    Φ⁻¹(p) for 9 evenly spaced p from δ to 1/2, without the last:     8 levels
    0           exactly                                                           1 level
    below 0:  - Φ⁻¹(p) for 8 evenly spaced p from δ to 1/2, without the last:     7 levels

all divided by the largest, so that they reach from -1 to 1, and sorted, smallest first. They are not
symmetric: that is the price of an exact 0 among an even number of levels.

The numbers are cut into blocks, and each block is scaled by its largest magnitude:

    absmax = max over the block of |x|      code = the index of the level nearest to x / absmax
    x̂ = absmax · levels[code]

## What to write

    nf4_levels()                                     -> levels
    quantize_blocks(x, levels, block)                -> (codes, absmax)
    dequant_blocks(codes, absmax, levels, block)     -> x̂
    pack(codes) -> packed             unpack(packed, n) -> codes

| name | shape | dtype | meaning |
|---|---|---|---|
| `levels` | (16,) | float32 | ascending; `quantize_blocks` and `dequant_blocks` take any such levels, not NF4's alone |
| `x` | any, not empty; n numbers in all | float32 or float64 | |
| `block` | | int, 1 or more | how many numbers share an absmax: 64 in QLoRA |
| `codes` | (n,) | `torch.uint8` | 0 … 15 |
| `absmax` | (⌈n / block⌉,) | that of x | |
| `x̂` | (n,) | that of absmax | |
| `packed` | (⌈n / 2⌉,) | `torch.uint8` | two codes in each byte |

- Blocks are cut from x **laid flat, row after row** (`x.reshape(-1)`), and may begin in one row and end
  in the next. Where `block` does not divide n, the last block is shorter.
- *Nearest* is nearest to x / absmax, on either side. No x of the suite lies half-way between two levels.
- A block of nothing but zeros has absmax 0 and the codes of the level nearest to 0 (7 for NF4).
- `pack` puts the codes 0 and 1 into the first byte, 2 and 3 into the next: the **first of the two in the
  high four bits**, so [1, 2] becomes 0x12 = 18. Where n is odd, the low half of the last byte is 0.
- `unpack` gives the first n codes. n is 2 · len(packed), or one less.
- A `torch.uint8` tensor used as an index is taken for a mask of True and False, not for numbers.
- The arguments are not changed, and need not be contiguous in memory.

## By hand

x = [[0.5, -2.0, 0.1], [0.0, 3.0, 1.0]], block = 4, NF4 levels (…, -0.0911, 0, 0.0796, 0.1609, 0.2461,
0.3379, …):

    blocks    [0.5, -2.0, 0.1, 0.0]    [3.0, 1.0]
    absmax    2.0                      3.0
    x/absmax  [0.25, -1, 0.05, 0]      [1, 0.3333]
    codes     [10, 0, 8, 7]            [15, 11]          0.05 is nearer to 0.0796 than to 0
    x̂         [0.4922, -2, 0.1592, 0]  [3, 1.0137]
    packed    [0xA0, 0x87, 0xFB] = [160, 135, 251]

## Source

Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs" (2023), section 3 (4-bit NormalFloat
quantization) and appendix E (the values); δ and the packing are those of the authors' library
bitsandbytes. arXiv:2305.14314.
"""

import torch
from torch import Tensor


def nf4_levels() -> Tensor:
    """The sixteen levels of NF4, from -1 to 1."""
    raise NotImplementedError("quantiles for either side, and 0 between them")


def quantize_blocks(x: Tensor, levels: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """The index of the nearest level for each number, and the largest magnitude of each block."""
    raise NotImplementedError("lay x flat, cut it into blocks, scale each, look for the nearest level")


def dequant_blocks(codes: Tensor, absmax: Tensor, levels: Tensor, block: int) -> Tensor:
    """The numbers that the codes stand for."""
    raise NotImplementedError("look the levels up and multiply each by the absmax of its block")


def pack(codes: Tensor) -> Tensor:
    """Two codes to the byte, the first in the high half."""
    raise NotImplementedError("shift one, add the other; mind an odd number of codes")


def unpack(packed: Tensor, n: int) -> Tensor:
    """The first n codes of the packed bytes."""
    raise NotImplementedError("take both halves of each byte, in their order")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.manual_seed(0)
    levels = nf4_levels()
    print("levels", levels)
    W = torch.randn(64, 100)
    for name, grid in (("NF4", levels), ("an even grid", torch.linspace(-7, 8, 16) / 8)):
        codes, absmax = quantize_blocks(W, grid, 64)
        back = dequant_blocks(codes, absmax, grid, 64).reshape(W.shape)
        used = torch.bincount(codes.long(), minlength=16) / codes.numel()
        print(f"{name}: mean square error {((W - back) ** 2).mean():.5f}, how often each code is used", used)
    print("bytes:", pack(codes).numel(), "for", W.numel(), "numbers")

"""# Double quantization: compress the scales, too

A block of 64 weights in 4 bits brings a scale of 32 bits: half a bit more for each weight, an eighth of
everything stored. The scales are numbers like any others, so QLoRA quantizes *them* to 8 bits, in blocks
of 256. Half a bit becomes 0.127 bits; for a model of 65 billion parameters that is 3 GB, often the
difference between fitting on a card and not.

The scales (the `absmax` of `quantization/nf4`) are all positive and much alike. Codes that are as good
below 0 as above would waste their lower half on them: so their mean is subtracted first, and only the
*deviations* from it are quantized, symmetrically.

## The formula

With c₁ … c_m the absmax of m blocks, and c̄ their mean **over all m of them**:

    for each outer block B of `outer` neighbouring c's:   scale = max over B of |cᵢ - c̄| / 127
    code       qᵢ = round((cᵢ - c̄) / scale)                      half-way cases to the even integer
    value      ĉᵢ = max(c̄ + scale · qᵢ, 0)                       a magnitude is never negative

A weight is then x̂ = ĉ · level, with the ĉ of its block. What there is to store for n weights, without
their own 4-bit codes, is, in bits, with m = ⌈n / block⌉:

    one quantization       32 for each of the m blocks
    double quantization     8 for each of the m blocks, 32 for each of the ⌈m / outer⌉ outer ones, 32 for c̄

## What to write

    compress_absmax(absmax, outer)                                  -> (q, scale, mean)
    restore_absmax(q, scale, mean, outer)                           -> ĉ
    dequant_double(codes, q, scale, mean, levels, block, outer)     -> x̂
    constant_bits(n, block, outer)                                  -> int

| name | shape | dtype | meaning |
|---|---|---|---|
| `absmax` | (m,), m at least 1 | float32 or float64 | 0 or more |
| `outer` | | int, 1 or more | how many absmax share a scale: 256 in QLoRA; None in `constant_bits` is one quantization |
| `q` | (m,) | `torch.int8` | -127 … 127 |
| `scale` | (⌈m / outer⌉,) | that of absmax | |
| `mean` | () | that of absmax | c̄ |
| `ĉ` | (m,) | that of scale | |
| `codes` | (n,) | `torch.uint8` | 0 … 15, not packed |
| `levels` | (16,) | float32 | |
| `block` | | int, 1 or more | how many weights share an absmax; m is ⌈n / block⌉ |
| `x̂` | (n,) | that of scale | |
| `n` | | int, 1 or more | how many weights |

- Where `outer` does not divide m, or `block` does not divide n, the last one is shorter: with a scale of
  its own, as in `quantization/granularity`. If you fill up with zeros, mind what a zero is once c̄ has
  been subtracted, and what it does to c̄.
- An outer block without any deviation (m = 1, for one) gets the scale 1 and codes 0.
- `constant_bits` counts exactly, for any n; it is an int, not a mean for each weight.
- A `torch.uint8` tensor used as an index is taken for a mask. The arguments are not changed, and need not
  be contiguous.

## By hand

absmax = [1.0, 3.0, 2.5, 1.5, 6.0, 4.0], outer = 4:

    mean 18 / 6 = 3        deviations [-2, 0, -0.5, -1.5] and [3, 1]
    scale                  [2 / 127, 3 / 127]
    q                      [-127, 0, -32, -95, 127, 42]           -0.5 · 127 / 2 = -31.75,  1 · 127 / 3 = 42.3
    ĉ                      [1, 3, 2.4961, 1.5039, 6, 3.9921]

constant_bits(n = 1000, block = 64, outer = 4): m = 16, so 16 · 8 + 4 · 32 + 32 = 288; with outer = None,
16 · 32 = 512. And for large n, block 64 and outer 256: 8 / 64 + 32 / (64 · 256) = 0.127 bits per weight.

## Source

Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs" (2023), section 3, Double Quantization;
arXiv:2305.14314. The paper stores the second codes as 8-bit floats; here they are int8. Its authors'
library does not cut off below 0.
"""

import torch
from torch import Tensor


def compress_absmax(absmax: Tensor, outer: int) -> tuple[Tensor, Tensor, Tensor]:
    """8-bit codes of the deviations from the mean, a scale for each outer block, and the mean."""
    raise NotImplementedError("subtract the mean of all, then quantize the deviations in blocks")


def restore_absmax(q: Tensor, scale: Tensor, mean: Tensor, outer: int) -> Tensor:
    """The absmax that the codes stand for, never negative."""
    raise NotImplementedError("turn the formula for the codes round")


def dequant_double(
    codes: Tensor, q: Tensor, scale: Tensor, mean: Tensor, levels: Tensor, block: int, outer: int
) -> Tensor:
    """The weights: the level of each code times the restored absmax of its block."""
    raise NotImplementedError("restore the absmax, then look up and multiply")


def constant_bits(n: int, block: int, outer: int | None) -> int:
    """How many bits the constants of n weights take, besides the codes of the weights."""
    raise NotImplementedError("count the blocks, then what each of them stores")


if __name__ == "__main__":
    torch.manual_seed(0)
    absmax = torch.randn(5000, 64).abs().amax(1) * 0.02
    q, scale, mean = compress_absmax(absmax, 256)
    back = restore_absmax(q, scale, mean, 256)
    print(f"absmax from {absmax.min():.4f} to {absmax.max():.4f}, mean {mean:.4f}")
    print(f"largest relative error after 8 bits: {((back - absmax) / absmax).abs().max():.4%}")
    n = 65_000_000_000
    for outer in (None, 256):
        bits = constant_bits(n, 64, outer)
        print(f"outer = {outer}: {bits / n:.4f} bits per weight, {bits / 8e9:.2f} GB for 65 billion")

"""# Granularity: one scale for how many numbers?

A scale is set by the largest number that shares it. In a language model a few rows of a weight matrix are
many times larger than the rest: with one scale for the whole matrix, the small rows are left with two or
three codes each and are as good as gone. So numbers are divided into parts, and each part gets a scale of
its own:

| | one scale for | used for |
|---|---|---|
| per tensor | all of x | activations in fast integer kernels |
| per channel | one index of one axis, such as a row of W | weights in 8 bits |
| per group | `group` neighbouring numbers of one row | weights in 4 bits and fewer |

Smaller parts mean a smaller error and more scales to store: a scale of 16 bits for 128 weights of 4 bits
is an eighth of a bit more for each weight. What is large in one part no longer touches the others.

## The formula

Everything here is symmetric, as in `quantization/affine`: with q_max = 2ᵇ⁻¹ - 1, for each part P

    scale = max over P of |x| / q_max          q = round(x / scale), half-way cases to the even integer

## What to write

    quantize_axis(x, bits, axis)       -> (q, scale)      x̂ = scale · q, by broadcasting
    quantize_groups(W, bits, group)    -> (q, scale)
    dequant_groups(q, scale, group)    -> Ŵ

| name | shape | dtype | meaning |
|---|---|---|---|
| `x` | any with two axes or more | float32 or float64 | |
| `axis` | | int or None | the axis whose indices **keep** a scale each; None is per tensor. -1 is the last axis, as usual |
| `W` | (N, K) | float32 or float64 | groups run along its rows, over K |
| `bits` | | int, 2 … 8 | |
| `group` | | int, 1 or more | how many columns share a scale |
| `q` | as x or W | `torch.int8` | -q_max … q_max, so never -128 |
| `scale` of `quantize_axis` | as x, but 1 on every axis that shares a scale | that of x | e.g. (N, 1) for axis 0 of an (N, K) |
| `scale` of `quantize_groups` | (N, ⌈K / group⌉) | that of W | |
| `Ŵ` | (N, K) | that of scale | |

- Group g of a row is made of the columns g · group … (g + 1) · group - 1. Where `group` does not divide
  K, the last group of each row is **shorter**: it is made of what is left, and has its own scale. Groups
  never reach from one row into the next. A `group` of K or more gives one scale for each row.
- A part of nothing but zeros gets the scale 1 (every scale would do, but 0 would not). Only such a part:
  however small other numbers are, they follow the formula.
- No axis has size 0. The arguments are not changed, and need not be contiguous in memory.

## By hand

To 4 bits, so q_max = 7:

    W = [[ 0.7, -0.1,  0.3,  7.0,  2.0],
         [ 0.0,  0.0, 14.0,  4.0, -3.5]]

    axis = None   scale = 14 / 7 = 2                  W / 2 = [[0.35, -0.05, 0.15, 3.5, 1], [0, 0, 7, 2, -1.75]]
                                                      q = [[0, 0, 0, 4, 1], [0, 0, 7, 2, -2]]
    axis = 0      scale = [[1], [2]]                  q = [[1, 0, 0, 7, 2], [0, 0, 7, 2, -2]]
    group = 2     scale = [[0.1, 1, 2/7], [1, 2, 0.5]]
                                                      q = [[7, -1, 0, 7, 7], [0, 0, 7, 2, -7]]

The 7 in the first row cost its neighbours on the left their values, until groups set them apart.

## Source

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference: A whitepaper" (2018),
section 2 (a scale per tensor or per channel); arXiv:1806.08342. Shen et al., "Q-BERT: Hessian Based Ultra
Low Precision Quantization of BERT" (2019), on group-wise quantization; arXiv:1909.05840.
"""

import torch
from torch import Tensor


def quantize_axis(x: Tensor, bits: int, axis: int | None) -> tuple[Tensor, Tensor]:
    """Codes and scales of x, a scale for each index of `axis`, or one for all where it is None."""
    raise NotImplementedError("the largest magnitude of each part, the scales from it, then the codes")


def quantize_groups(W: Tensor, bits: int, group: int) -> tuple[Tensor, Tensor]:
    """Codes and scales of W, a scale for each `group` columns of each row."""
    raise NotImplementedError("cut each row into groups, the last one perhaps shorter")


def dequant_groups(q: Tensor, scale: Tensor, group: int) -> Tensor:
    """The real numbers that the codes of `quantize_groups` stand for."""
    raise NotImplementedError("give every column the scale of its group")


if __name__ == "__main__":
    torch.manual_seed(0)
    W = torch.randn(6, 300)
    W[2] *= 50
    W[:, 7] *= 10
    rest = [0, 1, 3, 4, 5]
    for axis in (None, 1, 0):
        q, scale = quantize_axis(W, 4, axis)
        error = (W - scale * q)[rest].abs().mean()
        print(f"axis {axis}: {scale.numel():4d} scales, mean error of the ordinary rows {error:.4f}")
    for group in (128, 32):
        q, scale = quantize_groups(W, 4, group)
        error = (W - dequant_groups(q, scale, group))[rest].abs().mean()
        print(f"groups of {group}: {scale.numel():4d} scales, mean error of the ordinary rows {error:.4f}")

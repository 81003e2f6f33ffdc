"""# Affine quantization

A model's weights are trained as 32-bit or 16-bit numbers and served as 8-bit or 4-bit ones: a quarter or
an eighth of the memory, and on most hardware several times the speed. *Affine* quantization is the usual
map between the two: real numbers on an evenly spaced grid, each point of the grid named by a small
integer, its *code*.

## The formula

    code      q = clamp(round(x / scale) + zero_point, q_min, q_max)
    value     x̂ = scale · (q - zero_point)

`scale` is the distance between neighbouring points of the grid, `zero_point` the code of the real number
0. Two ways to choose them:

| | asymmetric (`sym=False`) | symmetric (`sym=True`) |
|---|---|---|
| used for | activations, such as the output of a ReLU | weights |
| q_min, q_max | 0, 2ᵇ - 1 | -(2ᵇ⁻¹ - 1), 2ᵇ⁻¹ - 1 |
| codes of 8 bits | 0 … 255 | -127 … 127, **not -128** |
| dtype of q | `torch.uint8` | `torch.int8` |
| range | from lo = min(x, 0) to hi = max(x, 0) | from -m to m, m the largest magnitude in x |
| scale | (hi - lo) / (2ᵇ - 1) | m / (2ᵇ⁻¹ - 1) |
| zero_point | round(-lo / scale) | 0 |

b is `bits`. The range always contains 0, so that 0 has a code of its own: paddings, masks and ReLUs are
full of exact zeros, and they have to stay exact.

## What to write

    quantize(x, bits, sym) -> (q, scale, zero_point)
    dequant(q, scale, zero_point) -> x̂

| name | shape | dtype | meaning |
|---|---|---|---|
| `x` | any, also none or with an axis of size 0 | float32 or float64 | finite; one scale for all of it |
| `bits` | | int, 2 … 8 | width of a code |
| `sym` | | bool | symmetric or asymmetric |
| `q` | as x | uint8 or int8, see above | the codes |
| `scale` | () | that of x | positive, never 0 |
| `zero_point` | () | `torch.int32` | an integer, whatever `sym` is |
| `x̂` | as q | that of scale | the values |

- **Rounding** is to the nearest integer, and half-way cases go to the even one (0.5 → 0, 1.5 → 2, 2.5 →
  2, -1.5 → -2), as `torch.round` does it. x / scale is rounded *before* the zero point is added.
- Rounding both x / scale and the zero point can make a sum of 2ᵇ: it is clamped.
- Where all of x is 0, or x is empty, every scale would do: it is 1, and the zero point 0. That is
  for 0 only: however small the values are (10⁻¹², say), they follow the formulas above.
- A tensor of one value c ≠ 0, an all-positive and an all-negative one follow the formulas above, nothing
  else.
- `dequant` takes what `quantize` gives: uint8 or int8 codes with an int32 zero point. Mind what a
  subtraction of `uint8` does below 0.
- It follows that |x - x̂| ≤ scale / 2 for every entry, that x = 0 gives x̂ = 0 exactly, and that
  quantizing x̂ again gives x̂ (unless the end of the range was a half-way case).
- x and q are not changed and need not be contiguous in memory.

## By hand

x = [-0.25, 0.0, 0.375, 3.5] to 4 bits:

    sym=False    lo = -0.25, hi = 3.5    scale = 3.75 / 15 = 0.25    zero point = round(1) = 1
                 x / scale = [-1, 0, 1.5, 14]      rounded [-1, 0, 2, 14]      q = [0, 1, 3, 15]
                 x̂ = 0.25 · [-1, 0, 2, 14] = [-0.25, 0, 0.5, 3.5]

    sym=True     m = 3.5                 scale = 3.5 / 7 = 0.5       zero point = 0
                 x / scale = [-0.5, 0, 0.75, 7]                                q = [0, 0, 1, 7]
                 x̂ = 0.5 · [0, 0, 1, 7] = [0, 0, 0.5, 3.5]

## Source

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2017), section 2.1 (the affine map) and section 3 (ranges that contain 0, and -127 … 127 for
weights); arXiv:1712.05877.
"""

import torch
from torch import Tensor


def quantize(x: Tensor, bits: int, sym: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The codes of x, and the scale and zero point to read them with."""
    raise NotImplementedError("choose the range, then the scale and the zero point, then round and clamp")


def dequant(q: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """The real numbers that the codes q stand for."""
    raise NotImplementedError("turn the formula for the codes round")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    x = torch.randn(8)
    print("x        ", x)
    for bits in (8, 4, 2):
        for sym in (False, True):
            q, scale, zero_point = quantize(x, bits, sym)
            back = dequant(q, scale, zero_point)
            print(f"{bits} bits, {'symmetric' if sym else 'asymmetric'}: codes {q.tolist()}")
            print(f"   largest error {(x - back).abs().max():.4f}, half a step {scale / 2:.4f}")

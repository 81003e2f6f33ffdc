"""# Matrix multiplication in int8

Quantized weights save memory. They save *time* only if the multiplication itself is done on the codes:
8-bit integers are multiplied and summed several times faster than floats, and nearly all the time of a
language model goes into linear layers. So the layer y = x Wᵀ + b is computed on integers, and only its
result is turned into a real number again, once per output.

The codes are those of `quantization/affine`: real = scale · (code - zero point). Activations are
quantized asymmetrically to uint8, one scale for the whole tensor; weights to int8 with a scale (and
perhaps a zero point) of its own for every row, that is for every output channel.

## The formula

    y[m, n] = x_scale · w_scale[n] · acc[m, n] + bias[n]

    acc[m, n] = Σₖ (xq[m, k] - x_zp) · (wq[n, k] - w_zp[n])

To subtract the zero points first would make numbers of 9 bits of the codes, which the hardware's 8-bit
multipliers do not take. So the product is multiplied out, and the codes are multiplied as they are:

    acc[m, n] =  Σₖ xq[m, k] · wq[n, k]          the raw product: all the work, on 8-bit codes
               - x_zp · Σₖ wq[n, k]              does not depend on the input: can be computed once
               - w_zp[n] · Σₖ xq[m, k]           0 where the weights are symmetric
               + K · x_zp · w_zp[n]              the cross term: 0 where the weights are symmetric

A product of two codes needs 16 bits, and a sum of thousands of them more: all sums are kept in **int32**.
A float32 accumulator would not do, since it counts exactly only up to 2²⁴ ≈ 16.8 million.

## What to write

    int_mm(xq, wq)                             -> the raw product
    zero_point_terms(xq, x_zp, wq, w_zp)       -> the other three terms, summed
    int8_mm(xq, x_scale, x_zp, wq, w_scale, w_zp=None, bias=None) -> y

| name | shape | dtype | meaning |
|---|---|---|---|
| `xq` | (M, K) | `torch.uint8` | codes of the activations, 0 … 255 |
| `x_scale` | () | float32 | |
| `x_zp` | () | int32, 0 … 255 | |
| `wq` | (N, K), as in `nn.Linear` | `torch.int8` | codes of the weights, -128 … 127; a row per output |
| `w_scale` | (N,) | float32 | one per row of wq |
| `w_zp` | (N,), or None | int32, -128 … 127 | one per row of wq; None means that all are 0 |
| `bias` | (N,), or None | float32 | real numbers, **not quantized**; None means no bias |
| `int_mm` gives | (M, N) | **int32** | Σₖ xq · wq, exactly |
| `zero_point_terms` gives | (M, N) | **int32** | what to add to the raw product to get acc, exactly |
| `int8_mm` gives | (M, N) | float32 | y |

- Both integer results are exact for every K up to 4096, also for the largest codes: 4096 · 255 · 128 is
  about 2²⁷.
- `int8_mm` turns acc into float32, multiplies by both scales and adds the bias, in this order or an
  equivalent one; it is compared within float32 rounding. The sums over k are exact: where large products
  cancel, a sum in float32 would leave only its rounding errors.
- Any zero point may be 0, also where others are not.
- `torch.sum` of integers answers in int64 unless it is told otherwise: mind the dtype of your results.
- uint8 codes above 127 do not fit into int8.
- M, N and K may be 1, M and K may be 0 (for K = 0 every sum is 0, and y is the bias). The arguments are
  not changed, and need not be contiguous in memory.

## By hand

M = 1, K = 2, N = 1:  xq = [[200, 10]], x_zp = 50, x_scale = 0.5;  wq = [[3, -4]], w_zp = [1], w_scale =
[0.25]; bias = [1]

    raw product    200 · 3 + 10 · (-4)          =  560
    terms          - 50 · (3 - 4)  - 1 · (200 + 10)  + 2 · 50 · 1  =  50 - 210 + 100  =  -60
    acc            560 - 60 = 500               check: (200 - 50)(3 - 1) + (10 - 50)(-4 - 1) = 300 + 200 = 500
    y              0.5 · 0.25 · 500 + 1         =  63.5

## Source

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference" (2017), sections 2.2 (integer matrix multiplication) and 2.3 (zero points: equations 7 and 8);
arXiv:1712.05877.
"""

import torch
from torch import Tensor


def int_mm(xq: Tensor, wq: Tensor) -> Tensor:
    """The raw product of the codes, Σₖ xq[m, k] · wq[n, k], in int32."""
    raise NotImplementedError("multiply the codes, with sums wide enough")


def zero_point_terms(xq: Tensor, x_zp: Tensor, wq: Tensor, w_zp: Tensor | None) -> Tensor:
    """What the zero points add to the raw product, (M, N) in int32."""
    raise NotImplementedError("the three terms of the formula, with their signs")


def int8_mm(
    xq: Tensor,
    x_scale: Tensor,
    x_zp: Tensor,
    wq: Tensor,
    w_scale: Tensor,
    w_zp: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """y = x Wᵀ + b in float32, from the codes of x and W."""
    raise NotImplementedError("accumulate in integers, then scale, then add the bias")


if __name__ == "__main__":
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.manual_seed(0)
    x, W, b = torch.rand(3, 512) * 2 - 0.3, torch.randn(4, 512) / 20, torch.randn(4)

    x_scale = (x.max() - x.min()) / 255
    x_zp = torch.round(-x.min() / x_scale).to(torch.int32)
    xq = (torch.round(x / x_scale) + x_zp).clamp(0, 255).to(torch.uint8)
    w_scale = W.abs().amax(1) / 127
    wq = torch.round(W / w_scale[:, None]).to(torch.int8)

    print("in float32:\n", x @ W.T + b)
    print("in int8:\n", int8_mm(xq, x_scale, x_zp, wq, w_scale, None, b))

"""# Calibration: how far should the grid reach?

A weight is known when it is quantized. An activation is not: it comes with the input, when the model is
already being served, and to look for its largest value then costs time. So its range is fixed beforehand:
a few batches of *calibration* data are sent through the model, and a number `clip` is chosen from what
was seen. From then on everything is quantized to the grid from -clip to clip, whatever comes.

A wide grid is coarse; a narrow one cuts off the largest values. In a language model a handful of
activations are a hundred times as large as the rest, and which of the two is worse is not clear before
one has measured it. Four ways to choose, from the cheapest to the best:

| | clip |
|---|---|
| absmax | the largest magnitude of all batches. Nothing is cut off, one outlier spoils all |
| moving average | a ← momentum · a + (1 - momentum) · M, batch after batch, M its largest magnitude; the **first** sets a = M |
| percentile | the p-th percentile of the magnitudes of all batches: 99.9 cuts one value in a thousand off |
| mean square error | the clip whose grid errs least, searched for |

## The formula

Symmetric, with q_max = 2ᵇ⁻¹ - 1, as in `quantization/affine`; half-way cases to the even integer:

    scale = clip / q_max        x̂ = scale · clamp(round(x / scale), -q_max, q_max)

The percentile is the usual one, with linear interpolation: the N magnitudes are sorted, a₀ ≤ … ≤ a_(N-1),
and the percentile lies at the place t = p / 100 · (N - 1); for t between two integers it is interpolated
between the two neighbours.

The search goes over the clips cᵢ = i / steps · max|x|, i = 1 … steps, and takes the one with the smallest
mean of (x - x̂)² over all numbers of all batches, those that are cut off included.

## What to write

    fake_quantize(x, clip, bits) -> x̂
    absmax_clip(batches)              -> clip
    ema_clip(batches, momentum)       -> clip
    percentile_clip(batches, p)       -> clip
    mse_clip(batches, bits, steps)    -> clip

| name | shape | dtype | meaning |
|---|---|---|---|
| `x`, `x̂` | any | float32 or float64 | x̂ has the dtype of x |
| `clip` | () | that of x or the batches | 0 or more |
| `bits` | | int, 2 … 8 | |
| `batches` | list of tensors of any shapes | float32 or float64, all alike | one at least, none empty; of **different sizes** |
| `momentum` | | float, 0 ≤ momentum < 1 | how much of the old a is kept |
| `p` | | float, 0 … 100 | in percent |
| `steps` | | int, 1 or more | |

- Every number counts the same: a percentile or mean over all batches is not the mean of one for each
  batch, if their sizes differ.
- Everything goes by magnitude, |x|: the largest may well be negative.
- Where clip is 0, x̂ is 0 (and no NaN). Batches of nothing but zeros give the clip 0, by all four ways.
- The suite has no case in which two clips err equally.
- The arguments are not changed, and need not be contiguous in memory.

## By hand

batches = [[1, -2], [-4, 3, 0.5]]; magnitudes sorted: 0.5, 1, 2, 3, 4

    absmax                     4
    moving average, 0.9        a = 2, then 0.9 · 2 + 0.1 · 4 = 2.2
    percentile 60              t = 0.6 · 4 = 2.4, so 2 + 0.4 · (3 - 2) = 2.4
    fake_quantize(x, clip = 3, bits = 3)     q_max = 3, scale = 1: [1, -2], [-3, 3, 0]

With bits = 3, steps = 4 the search compares 1, 2, 3 and 4. For clip 3 the errors are 0, 0, 1, 0, 0.5: a
mean square of 0.25. For clip 4 the step is 4/3, and 1, -2, -4, 3, 0.5 become 4/3, -8/3 (-1.5 is half-way,
so -2), -4, 8/3, 0: 0.183. The clip is 4.

## Source

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference: A whitepaper" (2018),
arXiv:1806.08342. Jacob et al. (2017), section 3.1 (moving averages), arXiv:1712.05877. Wu et al., "Integer
Quantization for Deep Learning Inference: Principles and Empirical Evaluation" (2020), section on
calibration (max, percentile, entropy), arXiv:2004.09602.
"""

import torch
from torch import Tensor


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    """x rounded to the grid from -clip to clip, and cut off beyond it."""
    raise NotImplementedError("scale, round, clamp, scale back")


def absmax_clip(batches: list[Tensor]) -> Tensor:
    """The largest magnitude of all batches."""
    raise NotImplementedError("the largest of all")


def ema_clip(batches: list[Tensor], momentum: float) -> Tensor:
    """The moving average of the largest magnitudes of the batches."""
    raise NotImplementedError("go from batch to batch; the first sets the average")


def percentile_clip(batches: list[Tensor], p: float) -> Tensor:
    """The p-th percentile of the magnitudes of all batches."""
    raise NotImplementedError("put all magnitudes together first")


def mse_clip(batches: list[Tensor], bits: int, steps: int) -> Tensor:
    """The clip i / steps · max|x| that errs least on all batches."""
    raise NotImplementedError("try each clip with fake_quantize and keep the best")


if __name__ == "__main__":
    torch.manual_seed(0)
    batches = [torch.randn(8, 100) for _ in range(6)]
    batches[3][2, 50] = -40.0
    test = torch.randn(1000)
    for bits in (8, 4):
        for name, clip in (
            ("absmax", absmax_clip(batches)),
            ("moving average", ema_clip(batches, 0.9)),
            ("percentile", percentile_clip(batches, 99.9)),
            ("mean square", mse_clip(batches, bits, 100)),
        ):
            error = (test - fake_quantize(test, clip, bits)).square().mean()
            print(f"{bits} bits, {name:15} clip {clip:7.3f}   mean square error on other data {error:.5f}")

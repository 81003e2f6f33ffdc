"""# AWQ: spare the weights that meet large inputs

When one user talks to a model, its weights are read once for each token, and only they have to be small: 4-bit weights,
activations in floats. Some weights matter far more than others, and one cannot see it by looking at them: those
that are multiplied by large activations. To keep one column in a hundred in 16 bits restores nearly all of the
quality, but mixed matrices are slow. AWQ ("activation-aware weight quantization") gets there with one format
for all: multiply an important column of W by s[k] > 1 before it is rounded and divide by s[k] afterwards. As long as
the column does not become the largest of its group, the step of the grid stays what it was, and the column's error
shrinks by s[k]. Scale too much, and the group's step grows for all others. So how much is *searched for*, by the
error of the layer's output. Nothing is trained, and a few thousand tokens are enough.

## The formula

With W stored as in `nn.Linear`, y = X Wᵀ. Q rounds to the grid of `quantization/granularity` and back (symmetric,
groups along the rows of W):

    a[k] = mean of |X[m, k]| over all tokens m                          how important column k is
    s    = a^α / √(max(a^α) · min(a^α))                                 for each column; α from 0 to 1
    Ŵ[n, k] = Q(W · s)[n, k] / s[k]                                     column k times s[k], rounded, divided again

    error(α) = mean over all tokens and outputs of (X Wᵀ - X Ŵᵀ)²
    α = the one of 0, 1/steps, 2/steps, …, 1 with the smallest error    both ends included

The division by the root leaves s around 1: the largest and the smallest s are inverses of one another. α = 0 gives
s = 1 everywhere and the nearest codes; so the search can never do worse on the tokens that it sees. In a real model
the division by s is folded into the norm before, as in `quantization/smooth`; here Ŵ simply contains it.

## What to write

`quantize_groups(W, bits, group)`, which gives codes and scales, and `dequant_groups(q, scale, group)` are your own, from
`quantization/granularity`.

    importance(X)                              -> a
    awq_scales(a, alpha)                       -> s
    quantized_weight(W, s, bits, group)        -> Ŵ
    search(W, X, bits, group, steps=20)        -> (alpha, s)

| name | shape | dtype | meaning |
|---|---|---|---|
| `X` | (…, K) | float32 or float64 | calibration data, a token in each place of the leading axes |
| `a`, `s` | (K,) | that of X | a: 0 or more; s: positive |
| `alpha` | | float, 0 … 1 | `search` gives a Python float, i / steps |
| `W`, `Ŵ` | (N, K) | that of X | a row per output |
| `bits` | | int, 2 … 8 | |
| `group` | | int, 1 or more | how many columns share a scale of the grid; the last group may be shorter |
| `steps` | | int, 1 or more | steps + 1 values of α are tried |

- Columns with a[k] = 0 (dead inputs) have **s[k] = 1**, and take no part in the max and min. Where all are 0, s = 1
  everywhere. Only zeros are special, however small other numbers are. (The authors' code keeps a above 1e-4.)
- `search` gives the s of its α, too: `awq_scales(importance(X), alpha)`.
- The suite has no case in which two values of α err equally, and no rounding near half-way.
- No axis has size 0. The arguments are not changed, and need not be contiguous in memory.

(The authors' grids have zero points, their search leaves out α = 1, and a second search clips the largest weights.)

## By hand

To 4 bits, so q_max = 7, all of a row in one group, steps = 2:

    X = [[-16,  1, 2],      a = [16, 1, 4]            W = [[1.6, 2.4, -7]]
         [ 16, -1, 6]]

    α = 1/2:  √a = [4, 1, 2], √(4 · 1) = 2, s = [2, 0.5, 1]
              W · s = [3.2, 1.2, -7]     scale 1, codes [3, 1, -7]     Ŵ = [3 / 2, 1 / 0.5, -7] = [1.5, 2, -7]
              X (W - Ŵ)ᵀ = X [0.1, 0.4, 0]ᵀ = [-1.2, 1.2]              error 1.44

    α = 0:    s = [1, 1, 1], codes [2, 2, -7], W - Ŵ = [-0.4, 0.4, 0], X (W - Ŵ)ᵀ = [6.8, -6.8]     error 46.24
    α = 1:    s = [4, 0.25, 1], codes [6, 1, -7], W - Ŵ = [0.1, -1.6, 0], X (W - Ŵ)ᵀ = [-3.2, 3.2]  error 10.24

The search gives α = 0.5 and s = [2, 0.5, 1]. The first column, which meets the large inputs, errs by 0.1, no longer 0.4.

## Source

Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Dang, Gan, Han, "AWQ: Activation-aware Weight Quantization for LLM Compression
and Acceleration" (2023), section 3 (scaling, equations 4 and 5); arXiv:2306.00978. The division by
√(max · min) is that of the authors' code.
"""

import torch
from quantization.granularity import dequant_groups, quantize_groups  # noqa: F401  (yours)
from torch import Tensor


def importance(X: Tensor) -> Tensor:
    """The mean magnitude of each column, over all tokens."""
    raise NotImplementedError("one number for each column")


def awq_scales(a: Tensor, alpha: float) -> Tensor:
    """What each column of W is multiplied by before it is rounded."""
    raise NotImplementedError("the power, brought around 1; dead columns apart")


def quantized_weight(W: Tensor, s: Tensor, bits: int, group: int) -> Tensor:
    """W rounded to the grid with its columns scaled, and scaled back."""
    raise NotImplementedError("scale, round to the grid and back, undo the scale")


def search(W: Tensor, X: Tensor, bits: int, group: int, steps: int = 20) -> tuple[float, Tensor]:
    """The α with the smallest error of the output, and its s."""
    raise NotImplementedError("try every α, compare the outputs, keep the best")


if __name__ == "__main__":
    torch.manual_seed(0)
    X, W = torch.randn(256, 128), torch.randn(64, 128) / 11
    X[:, [5, 70]] *= torch.tensor([40.0, 15.0])
    y = X @ W.T
    for bits in (8, 4, 3):
        best, _ = search(W, X, bits, 32)
        for alpha in (0.0, 0.25, 0.5, 0.75, 1.0, best):
            V = quantized_weight(W, awq_scales(importance(X), alpha), bits, 32)
            error = (X @ V.T - y).square().mean() / y.square().mean()
            print(f"{bits} bits, alpha {alpha:.2f}: error of the output {error:.6f}" + " (found)" * (alpha is best))

"""# SmoothQuant: hand the outliers over to the weights

In a large language model a few columns of the activations are a hundred times as large as the others, and with
one scale for each token nearly all codes go to these columns. The weights are the opposite: flat, and easy to
quantize. LLM.int8() takes the large columns out of the integer product, which makes kernels slow. SmoothQuant
lets everything stay in int8 and shares the difficulty out *beforehand*: divide column k of X by a number s[k],
multiply column k of W by the same number, and the product is what it was. Nothing is left to do when the model
runs, as the division is folded into the layer norm that made X. This is how whole models run in 8 bits, weights
and activations.

## The formula

With W stored as in `nn.Linear`, y = X Wᵀ, and any s[k] > 0:

    y[m, n] = Σ_k X[m, k] · W[n, k] = Σ_k (X[m, k] / s[k]) · (W[n, k] · s[k])

    s[k] = x_max[k]^α / w_max[k]^(1 - α)

x_max[k] is the largest |X[m, k]| over all tokens of the calibration data, w_max[k] the largest |W[n, k]| over all
outputs. α says how much of the difficulty goes to the weights: with 1 all of it (the columns of X are then all
equally large), with 0 the columns of W are. With 1/2, column k is equally large in both.

**Several matrices behind one norm.** The queries, keys and values of attention read the same X, and a norm can be
divided by one s only. So w_max[k] is the largest over the columns k of **all** these matrices.

**Folding.** X is what a norm gives out, x̃ · γ + β for each column, with x̃ the normalized numbers. X / s is what the
same norm gives out with γ / s and β / s. The biases of the linear layers stay as they are, and are no argument here.

## What to write

    activation_range(batches)                   -> x_max
    smoothing_factors(x_max, weights, alpha)    -> s
    fold(gamma, beta, weights, s)               -> (gamma, beta, weights), of the smoothed model

| name | shape | dtype | meaning |
|---|---|---|---|
| `batches` | list of (…, K) | float32 or float64, all alike | calibration data, one batch at least, of different sizes |
| `x_max` | (K,) | that of the batches | 0 or more |
| `weights` | list of (N, K) | that of x_max | one matrix at least, each with an N of its own |
| `alpha` | | float, 0 … 1 | |
| `s` | (K,) | that of x_max | positive |
| `gamma` | (K,) | that of s | scale of the norm |
| `beta` | (K,), or None | that of s | shift of the norm; an RMSNorm has none, and it stays None |

- `fold` gives a list of matrices, in the order in which it got them, with their shapes.
- Where x_max[k] or w_max[k] is 0, there is nothing to share out: **s[k] = 1**, for every α. Only there: however
  small other numbers are, they follow the formula. (The authors' code keeps s above 1e-5 instead.)
- s may be smaller than 1: the formula has no limit.
- No axis has size 0. The arguments are not changed (new tensors are given), and need not be contiguous in memory.

## By hand

α = 1/2:

    X = [[-16,  1,    0.5],     x_max = [16, 1, 1]         W = [[ 1,    0.25, -1],     w_max = [1, 0.25, 4]
         [  4, -0.25, 1  ]]                                     [-0.5, -0.25,  4]]

    s = [√(16 / 1), √(1 / 0.25), √(1 / 4)] = [4, 2, 0.5]

    X / s = [[-4,  0.5,   1],      W · s = [[ 4,  0.5, -0.5],      the largest of each column: 4, 0.5, 2 in both
             [ 1, -0.125, 2]]               [-2, -0.5,  2  ]]

    before  y[0, 0] = -16 · 1 + 1 · 0.25 + 0.5 · (-1) = -16.25
    after   y[0, 0] = -4 · 4 + 0.5 · 0.5 + 1 · (-0.5) = -16.25

The range of X went from 16 to 4. γ = [8, 2, 1] becomes [2, 1, 2], β = [0, -1, 0.5] becomes [0, -0.5, 1].

## Source

Xiao, Lin, Seznec, Wu, Demouth, Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large
Language Models" (2022), section 4 (equations 3 and 4); arXiv:2211.10438.
"""

import torch
from torch import Tensor


def activation_range(batches: list[Tensor]) -> Tensor:
    """The largest magnitude of each column, over all tokens of all batches."""
    raise NotImplementedError("one number for each column")


def smoothing_factors(x_max: Tensor, weights: list[Tensor], alpha: float) -> Tensor:
    """What each column of X is to be divided by, and each column of the weights multiplied by."""
    raise NotImplementedError("the largest of each column of all matrices, then the formula, and 1 where a 0 stands")


def fold(
    gamma: Tensor, beta: Tensor | None, weights: list[Tensor], s: Tensor
) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    """The norm divided by s, the matrices multiplied by it."""
    raise NotImplementedError("the norm one way, the matrices the other")


if __name__ == "__main__":
    torch.manual_seed(0)
    x, W = torch.nn.functional.layer_norm(torch.randn(64, 256), (256,)), torch.randn(128, 256) / 16
    gamma, beta = torch.ones(256), torch.zeros(256)
    gamma[[20, 90]] = torch.tensor([60.0, 25.0])

    def int8(a: Tensor) -> Tensor:
        scale = a.abs().amax(1, keepdim=True) / 127
        return scale * torch.round(a / scale)

    y = (x * gamma + beta) @ W.T
    x_max = activation_range([x * gamma + beta])
    for alpha in (0.0, 0.25, 0.5, 0.75, 1.0):
        s = smoothing_factors(x_max, [W], alpha)
        g, b, (V,) = fold(gamma, beta, [W], s)
        X = x * g + b
        error = (int8(X) @ int8(V).T - y).abs().mean()
        print(f"alpha {alpha:4}: largest |X| {X.abs().max():8.3f}, |W| {V.abs().max():8.3f}, error in int8 {error:.4f}")
    print(f"not smoothed: error in int8 {(int8(x * gamma + beta) @ int8(W).T - y).abs().mean():.4f}")

"""# GPTQ: let the later weights make up for the earlier ones

Rounding each weight to the nearest code is best for the *weights*. But nobody looks at the weights: what
counts is the layer's *output*, and there errors may add up or cancel. GPTQ goes through a weight matrix
column by column, rounds one, and shifts all the columns that are still to come so that they make up for
the error as well as they can. Which shift is best depends on the inputs, so a few hundred of them are
needed: "post-training" quantization with calibration data. It was the first to bring models of 175 billion
parameters to 3 and 4 bits in a few hours, and is still what most published 4-bit models are made with.

## The formula

With the inputs X (one row per token), the error to make small is ‖X Wᵀ - X Ŵᵀ‖², for each row of W on its
own. It is a parabola in that row, with the same second derivative H for all rows:

    H = 2/n · Xᵀ X                       n: the number of tokens; 2/n changes no code
    H[j, j] = 1 where H[j, j] = 0        a *dead* input, 0 for every token: H could not be inverted
    H = H + λ · I,    λ = damp · mean of the diagonal of H        (of the diagonal as it then is)

If weight j is rounded from w to ŵ, the best shift of all weights k > j that are left is a multiple of a row
of an inverse, and those inverses, one for each j, all stand in *one* triangular matrix:

    H⁻¹ = Uᵀ U,  U upper triangular with a positive diagonal (the Cholesky factor)

    for j = 0 … K-1:    q_j  = clamp(round(w_j / scale), -q_max, q_max)        ŵ_j = scale · q_j
                        E_j  = (w_j - ŵ_j) / U[j, j]
                        w_k  = w_k - E_j · U[j, k]         for all k > j

w_j is the weight *as it is by then*. q_max = 2ᵇ⁻¹ - 1 and scale = max|w| / q_max for each row of W, taken
**once from the W that you were given**, 1 for a row of zeros.

**Blocks.** To write to all later columns after each column is slow: memory, not arithmetic. So the loop
runs inside a block of `block` columns and shifts the columns of this block only; when the block is done, all
columns after it are shifted at once, by a product of the block's E with rows of U. The result is the same.

**Order.** With `act_order` the columns are visited from the largest diagonal entry of H to the smallest
(the inputs that are largest are rounded while there is most to make up with), that is: W and H are permuted,
and the codes put back in the end. The scales stay what they were.

## What to write

    hessian(X, damp)                                          -> H
    inverse_factor(H)                                         -> U
    quantize_block(W, U, scale, bits)                         -> (q, E)
    gptq(W, X, bits, block=128, damp=0.01, act_order=False)   -> (q, scale)

| name | shape | dtype | meaning |
|---|---|---|---|
| `X` | (n, K) | float32 or float64 | inputs of the layer, one **row** per token |
| `damp` | | float, 0 or more | 0 only where H can be inverted without it |
| `H`, `U` | (K, K) | that of X | H symmetric; `inverse_factor` gets it damped already |
| `W` | (N, K) | that of X | a row per output, as in `nn.Linear` |
| `scale` | (N, 1) | that of W | positive |
| `bits` | | int, 2 … 8 | |
| `q` | as W | `torch.int8` | -q_max … q_max, in the order of W's columns |
| `E` | as W | that of W | E_j of each column |

- `quantize_block` gets the columns of *one* block (any number of them), the part of U that has this
  block's rows and columns, and the scale of each row. It is the loop, and nothing outside the block.
- `gptq` may get a `block` that does not divide K, or one larger than K: the last block is shorter.
- Half-way cases are rounded to the even integer. No two diagonal entries of live inputs are equal in the
  suite, and none of its roundings is near half-way, so any right arithmetic gives its codes.
- A dead input is neither made up for nor does it make up for others; its weights are rounded like all others (the
  authors' code sets them to 0 instead).
- The arguments are not changed, W least of all, and need not be contiguous in memory.

## By hand

    X = [[1, 1, 0],      H = [[0.5, 0.5, 0],      H⁻¹ = [[ 4, -2, 0],      U = [[2, -1, 0],
         [0, 1, 0],           [0.5, 1.0, 0],             [-2,  2, 0],           [0,  1, 0],
         [0, 0, 1],           [0.0, 0.0, 1]]             [ 0,  0, 1]]           [0,  0, 1]]
         [0, 0, 1]]                       damp = 0

    W = [[1.4, 2.4, 7]], 4 bits: scale = 1      q₀ = 1, E₀ = (1.4 - 1) / 2 = 0.2,   w₁ = 2.4 + 0.2 · 1 = 2.6
                                                q₁ = 3, E₁ = (2.6 - 3) / 1 = -0.4,  w₂ = 7;   q₂ = 7, E₂ = 0

The nearest codes would be [1, 2, 7]. With [1, 3, 7] the squared error of the output is 0.4 instead of 0.8.

## Source

Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers" (2022), section 3 and algorithm 1; arXiv:2210.17323. `act_order` and the dead inputs are
those of the authors' code.
"""

import torch
from torch import Tensor


def hessian(X: Tensor, damp: float) -> Tensor:
    """2/n Xᵀ X, with 1 on the diagonal for dead inputs, damped."""
    raise NotImplementedError("the mean product of every two inputs, then the diagonal")


def inverse_factor(H: Tensor) -> Tensor:
    """The upper triangular U with H⁻¹ = Uᵀ U."""
    raise NotImplementedError("invert, then factor; mind which triangle")


def quantize_block(W: Tensor, U: Tensor, scale: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """The codes of a block of columns, each rounded after the shifts by those before it, and their errors E."""
    raise NotImplementedError("column by column: round, note the error, shift the columns that are left")


def gptq(
    W: Tensor, X: Tensor, bits: int, block: int = 128, damp: float = 0.01, act_order: bool = False
) -> tuple[Tensor, Tensor]:
    """Codes and scales of W, chosen so that X Wᵀ changes little."""
    raise NotImplementedError("scales, H and U first; then block by block, and shift what comes after the block")


if __name__ == "__main__":
    torch.manual_seed(0)
    X = torch.randn(512, 16) @ torch.randn(16, 64) + 0.3 * torch.randn(512, 64)
    W = torch.randn(32, 64)
    for bits in (8, 4, 3, 2):
        q_max = 2 ** (bits - 1) - 1
        scale = W.abs().amax(1, keepdim=True) / q_max
        nearest = scale * (W / scale).round()
        q, scale = gptq(W, X, bits, block=16)
        ordered = scale * gptq(W, X, bits, block=16, act_order=True)[0]
        for name, values in (("nearest", nearest), ("GPTQ", scale * q), ("GPTQ by size", ordered)):
            output = ((W - values) @ X.T).square().mean() / (W @ X.T).square().mean()
            weight = (W - values).square().mean() / W.square().mean()
            print(f"{bits} bits, {name:12s}: error of the output {output:.5f}, of the weights {weight:.5f}")

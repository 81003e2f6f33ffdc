"""# LLM.int8(): eight bits, and the few columns that refuse

Up to some billions of parameters a language model can be multiplied in int8 with hardly a loss. In larger ones it
breaks down, and the reason is a handful of *outlier features*: in one column of X in a thousand, nearly every token
has a value of -60 or 20, where all other columns stay below 3. A scale that fits the -60 leaves the others a dozen
codes. Setting these columns to 0 ruins the model: they matter most of all.

LLM.int8() does two things. A scale for each **row** of X (a token) and each row of W (an output) keeps tokens apart,
which is called *vector-wise* quantization. And the outlier columns are taken out of the integer product and
multiplied in floats, which costs next to nothing, as there are so few.

## The formula

With W stored as in `nn.Linear`, y = X Wᵀ + b. A column k is an outlier where **any** |X[m, k]| > threshold; O is
the set of these columns, R that of all others:

    y[m, n] = x_scale[m] · w_scale[n] · Σ_{k in R} Xq[m, k] · Wq[n, k]        int8 codes, sums in int32
            + Σ_{k in O} X[m, k] · W[n, k]                                    floats
            + b[n]

Each scale is symmetric, as in `quantization/granularity`: the largest magnitude of the row, **over the columns in R
alone**, divided by 127; codes are rounded half to even.

## What to write

`quantize_axis` is your own, from `quantization/granularity`: `quantize_axis(x, 8, 0)` gives int8 codes and a scale
for each row, of shape (rows, 1). It needs a column at least.

    outlier_columns(X, threshold)                -> a mask of the columns
    vector_wise_mm(X, W)                         -> X Wᵀ by int8 codes, no column taken out
    llm_int8(X, W, threshold=6.0, bias=None)     -> y

| name | shape | dtype | meaning |
|---|---|---|---|
| `X` | (M, K); for the first and the last function also (…, K) | float32 or float64 | each row a token |
| `W` | (N, K) | that of X | each row an output, each column belongs to a column of X |
| `threshold` | | float, positive | |
| `bias` | (N,), or None | that of X | added once, not quantized |
| mask | (K,) | `torch.bool` | True where the column is an outlier |
| `vector_wise_mm` gives | (M, N) | that of X | |
| `y` | (…, N) | that of X | |

- The comparison is strict: a value of exactly `threshold` makes no outlier.
- **One** large value takes its whole column out, for all tokens. With more leading axes it is one mask for all of
  them.
- Columns are chosen by X, never by W. The same columns of W go with them, before any scale is taken. (Libraries
  quantize W once, beforehand, so that their scales of W see all columns.)
- The product of two codes does not fit into 8 bits, and their sum not into 16. Sums are exact for K up to 4096.
- Where all columns are outliers, nothing is left for int8, and y is the product in floats. Where none is, y is that
  of `vector_wise_mm`, plus the bias.
- No axis has size 0. The arguments are not changed, and need not be contiguous in memory.

## By hand

threshold = 6, no bias, column 1 is an outlier since |-20| > 6:

    X = [[ 1.27, -20, 0.5 ],        W = [[2.54, 3, 1]]
         [-2.54,   1, 1.275]]

    in floats       [[-20], [1]] · 3 = [[-60], [3]]
    int8, R = 0, 2  X: scales 0.01 and 0.02, codes [[127, 50], [-127, 64]]   (1.275 / 0.02 = 63.75)
                    W: scale 0.02, codes [[127, 50]]
                    sums 127 · 127 + 50 · 50 = 18629 and -127 · 127 + 64 · 50 = -12929
                    y: 0.01 · 0.02 · 18629 = 3.7258 and 0.02 · 0.02 · (-12929) = -5.1716
    y               [[-56.2742], [-2.1716]]          in floats alone: [[-56.2742], [-2.1766]]

## Source

Dettmers, Lewis, Belkada, Zettlemoyer, "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale" (2022),
section 3.1 (vector-wise quantization), section 3.2 (mixed-precision decomposition, equation 8) and section 4 (the
outlier features); arXiv:2208.07339.
"""

import torch
from quantization.granularity import quantize_axis  # noqa: F401  # your own
from torch import Tensor


def outlier_columns(X: Tensor, threshold: float) -> Tensor:
    """True for each column of X in which a magnitude exceeds the threshold."""
    raise NotImplementedError("one bool for each column, over all tokens")


def vector_wise_mm(X: Tensor, W: Tensor) -> Tensor:
    """X Wᵀ by int8 codes, with a scale for each row of X and of W."""
    raise NotImplementedError("codes and scales of both, the integer product, both scales")


def llm_int8(X: Tensor, W: Tensor, threshold: float = 6.0, bias: Tensor | None = None) -> Tensor:
    """X Wᵀ + bias, outlier columns in floats and the others in int8."""
    raise NotImplementedError("split the columns of both, multiply each part in its own way, add")


if __name__ == "__main__":
    torch.manual_seed(0)
    X, W = torch.randn(32, 512), torch.randn(64, 512) / 20
    X[:, 100] -= 60.0
    X[:, 400] += 25.0
    right = X @ W.T
    print("outlier columns:", outlier_columns(X, 6.0).nonzero().flatten().tolist())
    for name, y in (("vector-wise", vector_wise_mm(X, W)), ("LLM.int8()", llm_int8(X, W))):
        print(f"{name:12} mean error {(y - right).abs().mean():.5f}")

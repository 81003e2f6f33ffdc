"""# log-sum-exp and its gradient

A language model works with logarithms of probabilities, since a sentence of a hundred words may have the probability
1e-200. To multiply such probabilities one adds their logarithms. To **add** them one needs this function:

    lse(x) = log( exp(x₁) + ... + exp(xₙ) )

It stands inside every cross-entropy (log softmax(x)ᵢ = xᵢ - lse(x)), it is what FlashAttention keeps of each row, and
beam search and mixture models add with it. It is a soft maximum, never below the largest x and at most log n above.

Typed as it stands, exp overflows for x above 709 (in float32 above 88), and for x below -745 the sum is 0 and its
logarithm -inf. Both are wrong by everything there is. What helps is that a number added to all x just comes through:

    lse(x + c) = c + lse(x)

Its derivative answers "if xᵢ grows, how much does lse?", and it is an old friend, between 0 and 1 and adding up to 1:

    ∂lse / ∂xᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) = softmax(x)ᵢ

## Signatures

`lse(x, axis=-1)` returns the log-sum-exp of each line along `axis`; `dlse(x, axis=-1)` the gradient of each line. NumPy
only; nothing of NumPy is forbidden but `np.logaddexp`, which is this function.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | any, at least one axis | float32 or float64 | the numbers; entries may be -inf |
| `axis` | int | | the axis along which to add; may be negative, as everywhere in NumPy |
| `lse` returns | that of `x` **without** `axis` | like `x` | one number for each line; of 1-D x a NumPy scalar |
| `dlse` returns | like `x` | like `x` | ∂lse/∂x, each line for itself |

## Conventions and edge cases

- Entries may be 1e4 or -1e4, and the lines of one array may be 1e6 apart: each line is worked out with a shift of its
  own.
- An entry of **-inf** is the logarithm of 0. It adds nothing, and its gradient is exactly 0.
- A line that is **-inf throughout** is a sum of zeros: its lse is -inf, not NaN. There is no derivative there; by
  convention its gradient is zeros, as in the exercise softmax.
- Small shares keep their digits in the gradient: 1e-200 is no 0. There is no small number inside the logarithm.
- An axis of size 1 is removed too: lse gives the numbers back as they are, dlse ones.
- An array without lines, of shape (0, 5) with axis 1, gives shape (0,). Axes of size 0 along `axis` itself, NaN and
  +inf do not occur.
- `x` may have any strides and is only read. float32 stays float32.

## Example

    lse([ln 1, ln 2, ln 5]) = ln 8               dlse = [1/8, 2/8, 5/8]
    lse([1000, 1000]) = 1000 + ln 2              lse([-inf, 3]) = 3          lse([-inf, -inf]) = -inf

## Source

Pierre Blanchard, Desmond Higham and Nicholas Higham, "Accurately computing the log-sum-exp and softmax functions", IMA
Journal of Numerical Analysis 41 (2021), section 1. Its use in attention: Tri Dao et al., "FlashAttention" (2022),
arXiv:2205.14135, section 3.
"""

import numpy as np


def lse(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """log Σ exp(x) of each line along `axis`, which is removed."""
    raise NotImplementedError("shift each line, add its exponentials, take the logarithm, and shift back")


def dlse(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The gradient of `lse` for each line along `axis`, shaped like x."""
    raise NotImplementedError("say how much lse grows with each entry of its line")


if __name__ == "__main__":
    # The logarithms of three probabilities that are too small for a float, and of their sum.
    logs = np.array([-1000.0, -1001.0, -1003.0])
    print("exp of each:         ", np.exp(logs))
    print("log of their sum:    ", lse(logs), "   shares:", dlse(logs))
    # A soft maximum: the larger the scale, the nearer it comes to the maximum itself.
    for scale in (1.0, 10.0, 100.0):
        print(f"scale {scale:5}: lse / scale =", lse(scale * np.array([1.0, 2.0, 3.0])) / scale)

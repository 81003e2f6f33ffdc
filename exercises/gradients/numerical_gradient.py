"""# The gradient of a loss, measured

A model has many parameters, and a loss is one number made of all of them. Its **gradient** holds, for every parameter,
how fast the loss changes if that one alone is nudged: an array of the same shape as the parameters. Backpropagation
works it out in one go; here you measure it, one entry at a time, with the central difference.

    ∂f / ∂xᵢ  ≈  ( f(x + h eᵢ) - f(x - h eᵢ) ) / (2 h)

where eᵢ is 1 at entry i and 0 elsewhere: **only entry i moves**, all others stay where they are. For n entries that is
2 n calls of f. A model of 100 million parameters would need months for one step, which is why backpropagation was
worth inventing. But for a layer with 20 entries it takes a moment, knows nothing of how f works, and so shows at once
whether a gradient worked out by hand is right. The topic `backprop` lives by it.

## Signature

`num_grad(f, x, h=1e-5)` returns the measured gradient. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `f` | | function | takes a float64 array with the shape of `x`, returns one number |
| `x` | any | float64, float32 or int64 | where the gradient is wanted |
| `h` | | float | the step, the same for all entries, taken as it is given |
| returns | like `x` | float64 | entry i is the central difference for entry i of `x` |

## Conventions and edge cases

- `f` is always given an array with the **shape** of `x`, whatever that is, and float64.
- All arithmetic is in float64, and the result is float64, also where `x` is float32 or int64. An integer array cannot
  hold 3 + 1e-5: written into it, it is 3 again. In float32, 1 + 1e-8 is 1.
- `x` is only read: it holds the same numbers afterwards, to the last digit. (x + h) - h is not always x.
- `f` is called **exactly twice for each entry**, at the two points of the formula and nowhere else.
- `x` may have any strides. Of such an array `x.reshape(-1)` and `x.ravel()` may be copies: what is written there does
  not arrive in `x`.
- An array without entries gives an empty gradient, with no call of f. An array of shape () gives one of shape ().

## Example

    f(x) = x₁² x₂  at  x = [3, 2]                the gradient is [2 x₁ x₂, x₁²] = [12, 9]

    with h = 0.5:    entry 1:  ( 3.5² · 2 - 2.5² · 2 ) / 1 = 24.5 - 12.5 = 12
                     entry 2:  ( 9 · 2.5 - 9 · 1.5 ) / 1 = 9

It is exact here, since in each entry alone f is at most a parabola. For x³ the measured slope is 3 x² + h².

## Source

Jorge Nocedal and Stephen Wright, *Numerical Optimization* (2nd edition, Springer 2006), section 8.1, "Approximating the
gradient".
"""

from collections.abc import Callable

import numpy as np


def num_grad(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The gradient of `f` at `x` by central differences, one entry at a time; shaped like x."""
    raise NotImplementedError("nudge each entry alone, up and down, and divide the change of f by 2 h")


if __name__ == "__main__":
    # A loss of one line: how far a little linear layer is from its targets. Its gradient is known: 2 Xᵀ (X w - t).
    X, t = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]]), np.array([1.0, 0.0, 2.0])
    w = np.array([0.5, -0.25])
    print("measured:", num_grad(lambda w: float(np.sum((X @ w - t) ** 2)), w))
    print("by rule: ", 2 * X.T @ (X @ w - t))

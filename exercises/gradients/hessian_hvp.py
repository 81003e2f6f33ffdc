"""# Curvature: the Hessian, and the Hessian times a vector

The gradient says which way is down, and nothing about how far to go. That is in the second derivatives, all of them in
one matrix, the **Hessian** of a function of n numbers:

    H[i, j] = ∂²f / ∂xᵢ ∂xⱼ  =  H[j, i]              f(x + v) ≈ f(x) + ∇f(x)ᵀ v + ½ vᵀ H v

Its largest eigenvalue bounds the learning rate (beyond 2 / λ gradient descent diverges), and the signs of its
eigenvalues tell a valley (all positive) from a hilltop (all negative) and from a **saddle** (both), where the gradient
is 0 as well.

You write it in two ways, and the difference between the two is the point.

**`hess`** measures all of it, with four values of f for each pair of entries, at the corners of a little square:

    H[i, j]  ≈  ( f(x + h eᵢ + h eⱼ) - f(x + h eᵢ - h eⱼ) - f(x - h eᵢ + h eⱼ) + f(x - h eᵢ - h eⱼ) ) / (4 h²)

On the diagonal, i = j, two of the corners are x itself. That is fine for a dozen entries. A model of 100 million
parameters has a Hessian of 10¹⁶ numbers, 80 petabytes in float64.

**`hvp`** gives H v for a vector v **without H**. H is the Jacobian of the gradient, so H v says how the gradient
changes on the way along v, and backpropagation gives gradients cheaply. Two of them are enough, whatever n is:

    H v  ≈  ( ∇f(x + h v) - ∇f(x - h v) ) / (2 h)

So one can ask for the curvature in any direction, vᵀ H v, for the largest eigenvalue (by power iteration), or solve
H p = -∇f by conjugate gradients, all without ever seeing H.

## Signature

`hess(f, x, h=1e-4)` returns the Hessian; `hvp(df, x, v, h=1e-5)` returns H v. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `f` | | function | takes a float64 array with the shape of `x`, returns one number |
| `df` | | function | the gradient of f: takes the same, returns a float64 array with the shape of `x` |
| `x` | `(n,)` for `hess`, any for `hvp` | float64, float32 or int64 | where the curvature is wanted; n ≥ 1 |
| `v` | like `x` | as `x` | the direction; its length counts |
| `h` | | float | the step, as in the formulas |
| `hess` returns | `(n, n)` | float64 | entry `[i, j]` is H[i, j] |
| `hvp` returns | like `x` | float64 | H v |

## Conventions and edge cases

- `hess` returns a matrix that is **exactly** symmetric: work out each pair once and write it to both places. So f is
  called at most four times for each pair i ≤ j, 2 n (n + 1) times in all.
- `hvp` calls `df` **exactly twice**, at the two points of the formula. v is not normalised: H (2 v) is 2 H v, and a v
  of zeros gives zeros.
- All arithmetic is in float64, and so are the points that f and df are given, whatever the dtype of x and v.
- The default steps differ, because a division by h² makes rounding worse than one by h.
- `x` and `v` are only read.

## Example

    f(x) = x₁³ + 5 x₁ x₂,    ∇f = [3 x₁² + 5 x₂,  5 x₁],    H = [[6 x₁, 5], [5, 0]]         x = [1, 2],   v = [2, 1]

    H = [[6, 5], [5, 0]],    H v = [17, 10]                 eigenvalues 8.83 and -2.83: f curves up here, and down there

    with h = 1:  ∇f(x + v) = [42, 15],  ∇f(x - v) = [8, -5],     half the difference is [17, 10]

## Source

Jorge Nocedal and Stephen Wright, *Numerical Optimization* (2nd edition, Springer 2006), section 8.1, "Approximating the
Hessian". Barak Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994, which also has the
exact form of the product.
"""

from collections.abc import Callable

import numpy as np


def hess(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """The Hessian of `f` at `x`, by four values of f for each pair of entries; exactly symmetric."""
    raise NotImplementedError("take f at the four corners for each pair, and write the result to both places")


def hvp(df: Callable[[np.ndarray], np.ndarray], x: np.ndarray, v: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The Hessian times `v`, by two gradients; the Hessian itself is never made."""
    raise NotImplementedError("see how the gradient changes along v")


if __name__ == "__main__":
    x, v = np.array([1.0, 2.0]), np.array([2.0, 1.0])
    H = hess(lambda x: float(x[0] ** 3 + 5 * x[0] * x[1]), x)
    print("H:\n", H, "\neigenvalues:", np.linalg.eigvalsh(H))
    print("H v:", H @ v, " without H:", hvp(lambda x: np.array([3 * x[0] ** 2 + 5 * x[1], 5 * x[0]]), x, v))

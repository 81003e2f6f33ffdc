"""# The Jacobian

A loss is one number, so it has one slope for each parameter. A layer has many outputs, and every one of them has a
slope for every input: a table, the **Jacobian**. For f from n numbers to m numbers it has m rows and n columns:

    J[i, j] = ∂fᵢ / ∂xⱼ            row i: the gradient of output i            column j: what a nudge of input j does

It is the matrix that f looks like from close by: f(x + v) ≈ f(x) + J v. Where layers follow one another, their
Jacobians are multiplied, and that is the chain rule: J of g after f is J_g(f(x)) J_f(x). Backpropagation multiplies a
vector by one Jacobian after the other from the left, and never writes one down: of a layer from 4096 numbers to 4096 it
would have 17 million entries **for each token**. But to see whether a backward pass is right, a small one, measured,
says it all.

Measure it by central differences. One nudge moves one input, and all outputs show at once what they make of it: that is
a whole column for two calls of f,

    J[:, j]  ≈  ( f(x + h eⱼ) - f(x - h eⱼ) ) / (2 h)            eⱼ is 1 at entry j and 0 elsewhere

## Signature

`jac(f, x, h=1e-5)` returns the measured Jacobian. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `f` | | function | takes a float64 array with the shape of `x`, returns a float64 array of some shape, or a float |
| `x` | any, not empty | float64, float32 or int64 | where the Jacobian is wanted |
| `h` | | float | the step, the same for all entries |
| returns | the shape of f(x), then the shape of `x` | float64 | entry `[i, j]` is ∂fᵢ / ∂xⱼ |

## Conventions and edge cases

- **Outputs first, inputs last**: (m, n), as in most books, in `torch.autograd.functional.jacobian` and in JAX. Some
  texts write the transpose.
- `f` and `x` may have any shapes, and i and j stand for places then: from (2, 3) to (4, 5) the Jacobian has the shape
  (4, 5, 2, 3). Where f returns a single number it has the shape of x: the gradient. For x of shape () it has the shape
  of f(x).
- `f` is always given an array with the shape of x, in float64; all arithmetic is in float64. (An integer array cannot
  hold 3 + 1e-5.)
- A forward pass is costly: `f` is called **exactly twice for each entry of x**, however many outputs there are, and at
  no other point.
- `x` is only read, and may have any strides.

## Example

    f(x) = [x₁ x₂,  x₁²,  5 x₂]   at  x = [3, 2]               from n = 2 numbers to m = 3

    J = [[2, 3],        row 1: x₁ x₂ has the slope x₂ in x₁, and x₁ in x₂
         [6, 0],
         [0, 5]]        column 2: what a nudge of x₂ does to the three outputs

## Source

Jorge Nocedal and Stephen Wright, *Numerical Optimization* (2nd edition, Springer 2006), section 8.1, "Approximating a
sparse Jacobian" and before it. Andreas Griewank and Andrea Walther, *Evaluating Derivatives* (2nd edition, SIAM 2008),
chapter 3, on products with Jacobians from either side.
"""

from collections.abc import Callable

import numpy as np


def jac(f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The Jacobian of `f` at `x` by central differences: the axes of f(x) first, then those of x."""
    raise NotImplementedError("nudge each entry of x, see what all outputs do, and put these columns side by side")


if __name__ == "__main__":
    # Softmax: its Jacobian is known, diag(s) - s sᵀ. No column of it has a sum other than 0. Why?
    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max())
        return e / e.sum()

    x = np.array([1.0, 2.0, 0.5])
    s = softmax(x)
    print("measured:\n", jac(softmax, x))
    print("by rule:\n", np.diag(s) - np.outer(s, s))

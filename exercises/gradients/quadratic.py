"""# The gradient of a quadratic

The simplest function with a curve in it is a quadratic: a matrix for the curvature, a vector for the slope.

    f(x) = xᵀ A x + bᵀ x  =  Σᵢ Σⱼ xᵢ Aᵢⱼ xⱼ + Σⱼ bⱼ xⱼ

It is everywhere in a language model. Near a minimum **every** smooth loss is one, which is how learning rates are
reasoned about; weight decay adds λ xᵀ x; GPTQ rounds weights so that a quadratic grows least. And the score of a token
that looks at itself is one too: with the query W_q x and the key W_k x it is xᵀ (W_qᵀ W_k) x, and nothing makes that
matrix symmetric.

Find its gradient, ∂f/∂x, with paper first. Take one entry xₖ and look where it stands in the double sum: in the row i =
k, and in the column j = k as well. x occurs **twice** in xᵀ A x, and by the product rule each of the two has a part in
the derivative. Schoolbooks mostly take A to be symmetric, where the two parts are the same. Here it may be any square
matrix, and they are not.

How do you know that your formula is right? Measure it. On a quadratic a central difference is exact, whatever its step:

    ∂f / ∂xₖ = ( f(x + h eₖ) - f(x - h eₖ) ) / (2 h)

## Signature

`grad(A, b, x)` returns the gradient of f at x. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `A` | `(n, n)` | float64 or float32 | the curvature; **any** square matrix, not symmetric in general |
| `b` | `(n,)` | as `A` | the slope at 0 |
| `x` | `(..., n)` | as `A` | a point, or many of them: each line along the **last** axis is one |
| returns | like `x` | as `x` | the gradient at each of the points, in its place |

## Conventions and edge cases

- There is **no** factor ½ in front of xᵀ A x. (Texts on optimisation often put it there.)
- The points do not know of one another: `grad(A, b, x)[i]` is `grad(A, b, x[i])`. Nothing is summed over them.
- A point stands in a **row** of `x`, while the formula has columns: mind on which side the matrix goes. A is one and
  the same for all points, and b as well.
- float32 stays float32.
- Without points, `x` of shape `(0, n)`, the result is as empty. n may be 1.
- `A`, `b` and `x` are only read. They may have any strides.

## Example

    A = [[1, 4],      b = [10, 20]        f = x₁² + 4 x₁ x₂ + 2 x₂ x₁ + 3 x₂² + 10 x₁ + 20 x₂
         [2, 3]]
                                          ∂f/∂x₁ = 2 x₁ + 6 x₂ + 10,      ∂f/∂x₂ = 6 x₁ + 6 x₂ + 20

    at x = [1, 2]:  [2 + 12 + 10,  6 + 12 + 20] = [24, 38]
    at x = [0, 0]:  [10, 20], which is b

## Source

Kaare Brandt Petersen and Michael Syskind Pedersen, *The Matrix Cookbook* (Technical University of Denmark, 2012),
section 2.4, "Derivatives of Matrices, Vectors and Scalar Forms". Stephen Boyd and Lieven Vandenberghe, *Convex
Optimization* (Cambridge 2004), appendix A.4, which takes the matrix to be symmetric.
"""

import numpy as np


def grad(A: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The gradient of xᵀ A x + bᵀ x at each point along the last axis of `x`; shaped like x."""
    raise NotImplementedError("find where an entry of x stands in the double sum, and add up what each place gives")


if __name__ == "__main__":
    A, b = np.array([[1.0, 4.0], [2.0, 3.0]]), np.array([10.0, 20.0])

    def f(x: np.ndarray) -> float:
        return float(x @ A @ x + b @ x)

    x, h = np.array([1.0, 2.0]), 0.5
    print("measured:", [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(2)])
    print("by rule: ", grad(A, b, x))
    print("two more:", grad(A, b, np.array([[0.0, 0.0], [1.0, -1.0]])))

"""# The gradients of a matrix product

Nearly all the arithmetic of a language model is matrix products: x W in every linear layer, Q Kᵀ and A V in
attention. So nearly all of its backward pass is the one rule of this exercise. For C = A B with A of shape
(n, k) and B of shape (k, m), and dC = ∂L/∂C, written out in entries:

    Cᵢⱼ = Σₗ Aᵢₗ Bₗⱼ

    ∂L/∂Aᵢₗ = Σⱼ dCᵢⱼ Bₗⱼ          Aᵢₗ is used in the whole of row i of C, each time with another Bₗⱼ
    ∂L/∂Bₗⱼ = Σᵢ Aᵢₗ dCᵢⱼ          Bₗⱼ is used in the whole of column j of C, each time with another Aᵢₗ

Both are matrix products again. Which factor is transposed, and on which side it stands, need not be learnt by
heart: with n, k and m all different only one way has the right shape. (Each of the two costs as much as the
forward product; hence the rule of thumb that a backward pass costs twice the forward pass.)

Two things are left. A product may go over a whole **batch** of matrices, and the batch axes are broadcast: a
linear layer multiplies a batch of texts, (batch, seq, k), with one weight matrix, (k, m). That matrix was used
for every text, so its gradient is the **sum** over the texts. And an operand may be a **vector**.

## Signature

`matmul_back(dC, A, B)` returns `(dA, dB)`, for C = np.matmul(A, B). NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `A` | (..., n, k) or (k,) | float32 or float64 | the left factor |
| `B` | (..., k, m) or (k,) | like `A` | the right factor |
| `dC` | that of np.matmul(A, B) | like `A` | the gradient ∂L/∂C |
| `dA` | that of `A` | like `A` | ∂L/∂A |
| `dB` | that of `B` | like `A` | ∂L/∂B |

## Conventions and edge cases

- Shapes are as in `np.matmul`. The last two axes hold the matrices; the axes before them are the batch and are
  broadcast: lined up at the last of them, with new ones in front and those of size 1 repeated. A of shape
  (2, 1, n, k) and B of shape (5, k, m) give C of shape (2, 5, n, m).
- Only batch axes are broadcast. A matrix with n = 1 or k = 1 or m = 1 is a matrix like any other, and its axis of
  size 1 was not stretched.
- A vector A of shape (k,) counts as a row (1, k), a vector B as a column (k, 1), and the axis that was put in is
  taken out of C again. So (k,) times (..., k, m) is (..., m), and (..., n, k) times (k,) is (..., n). A vector
  is used for the whole batch of the other operand.
- Two vectors give a single number, their dot product; dC is then an array of shape () or a NumPy scalar.
- The gradients have exactly the shapes of A and B, and their dtype.
- Sizes may be 0: with k = 0 the product is zeros and both gradients are empty; with no batch at all, (0, n, k) times
  (k, m), dB is zeros of shape (k, m).
- Arguments always fit one another. They are only read, and may have any strides.

## Example

    A = [[1, 2, 3]]      B = [[1, 0],      C = [[7, 8]]      dC = [[1, 10]]
                              [0, 1],
                              [2, 2]]

    dA = [[1, 10, 22]]         row l of B, times dC: 1·1 + 0·10, 0·1 + 1·10, 2·1 + 2·10
    dB = [[1, 10],             Aₗ dCⱼ
          [2, 20],
          [3, 30]]

## Source

Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (in:
Advances in Automatic Differentiation, Springer 2008), the section on multiplication; NumPy's manual,
`numpy.matmul`, for vectors and batches.
"""

import numpy as np


def matmul_back(dC: np.ndarray, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gradients for A and B, from the gradient `dC` for C = A @ B."""
    raise NotImplementedError("two matrix products; then the batch, then vectors")


if __name__ == "__main__":
    A, B = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    dA, dB = matmul_back(np.array([[1.0, 10.0]]), A, B)
    print("dA =", dA)
    print("dB =", *dB)

    # A linear layer: two texts of three tokens, one weight matrix. The loss is the sum of all outputs.
    x, W = np.random.default_rng(0).normal(size=(2, 3, 4)), np.ones((4, 2))
    dx, dW = matmul_back(np.ones((2, 3, 2)), x, W)
    h = np.zeros((4, 2))
    h[1, 0] = 1e-3
    print("dW[1, 0] =", dW[1, 0], "  measured:", ((x @ (W + h)).sum() - (x @ (W - h)).sum()) / 2e-3)

"""# A two-layer network, forward and backward

A layer of neurons is a matrix product, a bias, and a function that bends; a network is two or more of them and
a loss. This is the whole of it, once through and back, by hand: what an autograd does for you, and the shape of
every feed-forward block in a transformer. Each token here chooses among C classes (the next word, say).

    Z₁ = X W₁ + b₁           (N, H)      the hidden layer before its activation
    A₁ = relu(Z₁)            (N, H)
    Z₂ = A₁ W₂ + b₂          (N, C)      the logits
    P  = softmax(Z₂)         (N, C)      each row on its own
    L  = -(1/N) Σₙ log P[n, yₙ]          the mean cross-entropy; yₙ is the right class of row n

Backward every line is undone in reverse order. Softmax and logarithm together have the simplest gradient of all;
with Y the matrix that holds a 1 at (n, yₙ) and zeros elsewhere,

    dZ₂ = (P - Y) / N

and the 1/N of the mean is in it from here on, so it is divided by nowhere else. The rest is three rules:

- a product A W has the gradients dZ Wᵀ for A and Aᵀ dZ for W;
- the bias was added to each of the N rows, so its gradient is the **sum** over the rows;
- relu lets the gradient through where **its own** input Z₁ was positive.

## Signature

`mlp_forward_backward(params, X, y)` returns `(loss, grads)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `params` | | dict | the weights, by the names "W1", "b1", "W2", "b2" |
| `params["W1"]` | (D, H) | float32 or float64 | inputs to hidden: x is a row, and multiplied from the left |
| `params["b1"]` | (H,) | like "W1" | |
| `params["W2"]` | (H, C) | like "W1" | hidden to logits |
| `params["b2"]` | (C,) | like "W1" | |
| `X` | (N, D), N ≥ 1 | like "W1" | a batch, a row for each example |
| `y` | (N,) | int64 | the right class of each row, 0 to C - 1 |
| `loss` | () | float, or like "W1" | L |
| `grads` | | dict | ∂L/∂W₁ and so on, by the same four names, each with the shape and dtype of its parameter |

## Conventions and edge cases

- The loss is the **mean** over the N rows: repeating every row changes neither loss nor gradients.
- The slope of relu at exactly 0 is 0.
- Logits may be huge, in one row and not in another: 10,000 in one and 1 in the next. Adding a number to all logits
  of a row does not change P, so take away that row's largest before raising e to them. Then loss and gradients are
  finite; and since the loss is log Σ e^z - z[y], it is right also where P[n, yₙ] is so small that it rounds to 0.
- All gradients belong to the parameters as they were given: nothing is updated.
- A class may occur in no row, or in all of them.
- `params`, `X` and `y` are only read, and may have any strides. A second call with other arguments knows nothing of
  the first.

## Example

    W1 = [[1, -1]]   b1 = [0, 1]   W2 = [[1, 0],   b2 = [0, log 3]   X = [[2]]   y = [0]
                                         [0, 5]]

    Z₁ = [[2, -1]]    A₁ = [[2, 0]]    Z₂ = [[2, 1.0986]]    P = [[0.711235, 0.288765]]    L = 0.340753
    dZ₂ = [[-0.288765, 0.288765]]      dW2 = [[-0.577531, 0.577531], [0, 0]]      db2 = [-0.288765, 0.288765]
    dA₁ = [[-0.288765, 1.443827]]      dZ₁ = [[-0.288765, 0]]
    dW1 = [[-0.577531, 0]]             db1 = [-0.288765, 0]

Checks for your own: the entries of db2 sum to 0, and so does each row of dW2, since adding a number to all logits
changes nothing.

## Source

Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors" (Nature 323, 1986); Goodfellow,
Bengio and Courville, "Deep Learning" (MIT Press 2016), section 6.5.
"""

import numpy as np


def mlp_forward_backward(
    params: dict[str, np.ndarray], X: np.ndarray, y: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """The mean cross-entropy of a network of two layers, and its gradient by each parameter."""
    raise NotImplementedError("the forward pass line by line, then the same lines backwards")


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    # Four points that no single layer can tell apart: XOR.
    X, y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    params = {"W1": rng.normal(size=(2, 8)), "b1": np.zeros(8), "W2": rng.normal(size=(8, 2)) * 0.5, "b2": np.zeros(2)}
    for step in range(201):
        loss, grads = mlp_forward_backward(params, X, y)
        if step % 50 == 0:
            print(f"step {step:3}: loss {loss:.4f}")
        params = {name: params[name] - 0.5 * grads[name] for name in params}

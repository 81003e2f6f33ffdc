"""# Undoing a broadcast

A linear layer adds one bias vector to every token of every text of the batch: `x @ W + b` with shapes
(batch, seq, d) and (d,). NumPy and PyTorch stretch the small operand to the shape of the large one and add.
In the backward pass the gradient comes back with the shape of the sum, (batch, seq, d), but the gradient
for b must have the shape of b. Every operation of a tensor engine that takes two operands needs this step:
bring the gradient of the stretched operand back to the shape it had before it was stretched.

Stretching is copying. If one number was copied to n places, the chain rule adds up what comes back from all
of them:

    ŷ = broadcast(y),  ŷ[place] = y[source(place)]          ∂L/∂y[s] = Σ ∂L/∂ŷ[place] over all places with source s

Two things happen to a shape when it is broadcast, and both have to be undone:

- **new axes in front**: (5,) is stretched to (2, 3, 5) as if it were (1, 1, 5);
- **axes of size 1 are repeated**: (2, 1, 5) is stretched to (2, 3, 5). Such an axis is still there
  afterwards, with size 1.

Shapes are lined up at their **last** axis. An axis that has the same size on both sides was not stretched, and
nothing is summed along it.

## Signature

`unbroadcast(g, shape)` returns an array. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `g` | what `shape` was broadcast to | float32 or float64 | the gradient ∂L/∂ŷ of the stretched operand |
| `shape` | a tuple of ints | int | the operand's shape before it was stretched; () for a single number |
| result | `shape`, exactly | like `g` | ∂L/∂y |

## Conventions and edge cases

- The contributions are **added**, not averaged. If the loss is a mean, `g` has that division in it already.
- The result has exactly the shape `shape`, also where axes of size 1 stand in it: (4, 1) is neither (4,) nor
  (1, 4).
- For the shape () the result is a NumPy scalar or an array of shape (), as you like; it is not a Python float.
- If nothing was stretched the result holds the numbers of `g`; it may be `g` itself, a view or a copy.
- An axis of size 1 in `shape` that has size 1 in `g` too was not stretched; summing it changes nothing.
- An axis of size 1 may have been stretched to size 0: (1, 3) to (0, 3). Nothing comes back from nowhere, so the
  result is zeros of shape (1, 3).
- If `shape` cannot be broadcast to the shape of `g`, raise a `ValueError`: (3,) and (4, 2); (2, 3) and (3, 2),
  though both have six entries; (1, 3) and (3,), since an operand never has more axes than the result; (3,) and
  (1,), since only the operand was stretched.
- `g` is only read, and may have any strides.

## Example

    g = [[1, 2, 3],           shape (2, 3)
         [4, 5, 6]]

    unbroadcast(g, (3,))      [5, 7, 9]             each number of y was used in both rows
    unbroadcast(g, (1, 3))    [[5, 7, 9]]
    unbroadcast(g, (2, 1))    [[6], [15]]           each number of y was used in three columns
    unbroadcast(g, ())        21                    one number was used in six places
    unbroadcast(g, (2, 3))    g

A property to check yours by: broadcasting and its undoing are each other's transposes. For any y of shape
`shape`, Σ g · broadcast(y) = Σ unbroadcast(g, shape) · y.

## Source

NumPy's manual, "Broadcasting", for the rule; Baydin, Pearlmutter, Radul and Siskind, "Automatic
differentiation in machine learning: a survey" (JMLR 18, 2018), section 3.2, for the sum over all uses.
"""

import numpy as np


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum the gradient `g` of a stretched operand over its copies, back to the shape the operand had."""
    raise NotImplementedError("sum over what was stretched: new axes in front, and axes of size 1")


if __name__ == "__main__":
    g = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for shape in ((3,), (1, 3), (2, 1), (), (2, 3)):
        print(f"{shape!s:>7}  {unbroadcast(g, shape)!r}")

    # The bias of a linear layer, and how the sum of all outputs changes when one of its numbers is nudged.
    x, b = np.ones((4, 5, 2)), np.array([0.5, -0.5])
    nudged = [((x + b + h).sum() - (x + b - h).sum()) / 2e-3 for h in 1e-3 * np.eye(2)]
    print("bias:", unbroadcast(np.ones((4, 5, 2)), b.shape), " measured:", np.array(nudged))

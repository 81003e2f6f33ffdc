"""# The chain rule, from the loss backwards

A model is a chain of layers: the output of one goes into the next, and at the end is a loss. The chain rule says how
the loss changes with the input of the first one: multiply the derivatives of all layers. With many inputs and outputs
each derivative is a matrix, the **Jacobian** (row i: how output i changes with each input), and the order matters:

    y = f_k( ... f₂( f₁(x) ) )         x₁ = x,  x₂ = f₁(x₁),  x₃ = f₂(x₂),  ...,  y = f_k(x_k)
    ∂L/∂x = dyᵀ J_k ... J₂ J₁          where dy = ∂L/∂y, and J_i is the Jacobian of f_i **at its own input x_i**

Matrices do not commute, so J₁ J₂ is another matrix than J₂ J₁, if it exists at all. But the product may be taken from
either end. From the right, one multiplies matrices with matrices. From the left there is a row vector at every step,
and a vector with a matrix is a thousand times less work for a layer with a thousand outputs. That is
**backpropagation**: forwards once to get the inputs, then backwards, from the loss to x.

No layer needs to show its Jacobian for it. All it has to offer is the **vector-Jacobian product**: given its input and
the gradient of its output, the gradient of its input. So a layer is a pair of functions here:

    f(x)         its output                   vjp(x, dy) = dyᵀ J(x)         the gradient of its input

## Signature

`vjp_chain(layers, x, dy)` returns `(y, dx)`. NumPy only.

| name | type and shape | what it is |
|---|---|---|
| `layers` | list of pairs `(f, vjp)` | in the order in which they are applied; may be empty |
| `x` | float64 array, the shape that the first layer takes | the input of the chain |
| `dy` | float64 array, the shape of the output of the last layer | ∂L/∂y |
| returns `y` | like `dy` | the output of the last layer |
| returns `dx` | like `x` | ∂L/∂x |

## Conventions and edge cases

- The first argument of a `vjp` is the layer's **input**, the same array of numbers that its `f` was given, and not its
  output. The derivative of tanh at 2 is another than at tanh 2.
- Layers are costly: call every `f` **exactly once**, in order, and every `vjp` exactly once, in the opposite order. So
  keep what the backward pass needs. (That is why training needs so much more memory than using a model.)
- Layers may change the shape: from (3,) to (5,), from (2, 3) to (2,). Gradients have the shape of what they belong to.
- The same pair may stand in the list twice. It is two layers, with an input each.
- Without layers y is x, and dx is dy.
- `x` and `dy` are only read.

## Example

    f₁(x) = x² (each entry), vjp₁(x, dy) = 2 x dy             f₂(x) = [x₁ + x₂], vjp₂(x, dy) = [dy₁, dy₁]
    x = [3, 4], dy = [10]:     x₂ = [9, 16],    y = [25]
    backwards:                 vjp₂([9, 16], [10]) = [10, 10],    vjp₁([3, 4], [10, 10]) = [60, 80] = dx

## Source

David Rumelhart, Geoffrey Hinton and Ronald Williams, "Learning representations by back-propagating errors" (Nature 323,
1986). Ian Goodfellow, Yoshua Bengio and Aaron Courville, *Deep Learning* (MIT Press 2016), section 6.5.2.
"""

from collections.abc import Callable

import numpy as np

Layer = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray, np.ndarray], np.ndarray]]


def vjp_chain(layers: list[Layer], x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The output of the chain of `layers` at `x`, and the gradient of `x` when that of the output is `dy`."""
    raise NotImplementedError("go forwards and keep each layer's input; then go backwards with the gradient")


if __name__ == "__main__":
    # Thirty tanh layers with small weights: the gradient that arrives at the front has almost vanished.
    W = 0.4 * np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    linear = (lambda x: W @ x, lambda x, dy: W.T @ dy)
    tanh = (np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2))
    for depth in (1, 3, 10, 30):
        y, dx = vjp_chain([linear, tanh] * depth, np.ones(4), np.ones(4))
        print(f"{depth:2} layers: the gradient has the size {np.linalg.norm(dx):.1e}")

"""# Dropout, forward and backward

Dropout sets a random part of a layer's activations to zero in every training step, so that no unit can rely on a
particular other one. Transformers have it after the embeddings, on the attention weights and on the output of every
block. In evaluation it is off. What remains has to be scaled, or else the next layer would see smaller inputs in
training than later; and what backward lets through has to be exactly what forward let through.

With p the probability of being **dropped**, and u a random number for each entry, uniform in [0, 1):

    mᵢ = 0 if uᵢ < p, else 1                    the mask
    yᵢ = mᵢ xᵢ / (1 - p)                        in training
    yᵢ = xᵢ                                     in evaluation

The factor 1 / (1 - p) keeps the expectation: an entry is left with probability 1 - p, so E[yᵢ] = xᵢ. Doing this in
training leaves nothing to do in evaluation, and is called *inverted* dropout; all common libraries do it so. (The
first papers kept the x as they were in training and multiplied by the probability of being left in evaluation.)

The mask is random, but it does not depend on x: for the backward pass it is a constant.

## What to write

`dropout_forward(x, p, rng, training)` returns `(y, cache)`, and `dropout_backward(dy, cache)` returns `dx`. NumPy
only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | any, also () | float32 or float64 | the activations |
| `p` | float in [0, 1] | | probability of being **dropped**, as in PyTorch (in the paper p is that of being left) |
| `rng` | | | a `numpy.random.Generator`, where the random numbers come from |
| `training` | bool | | drop (True) or hand on (False) |
| `y` | like `x` | like `x` | the result |
| `cache` | yours | yours | whatever your backward needs |
| `dy`, `dx` | like `x` | like `x` | ∂L/∂y and ∂L/∂x for a loss L |

## Conventions and edge cases

- In training forward draws `rng.random(x.shape)`, once, whatever p and the dtype of x are: one number for each entry,
  from a generator that is handed in. So a training run can be repeated exactly, and your mask can be compared.
- An entry is dropped where its number is **below** p.
- In evaluation nothing is drawn: the generator stays where it was. y has the numbers of x, whatever p is.
- backward draws nothing either. It uses the mask of the forward call whose cache it gets; a new mask would be the
  gradient of a function that nobody computed.
- p = 0 drops nothing, p = 1 everything: then y and dx are zeros, without NaN.
- Dropped entries are exactly 0 in y and in dx.
- Several forwards may come before the backwards, and a cache may be used more than once. Arguments are only read and
  may have any strides. float32 in gives float32 out, although the random numbers are float64.

## By hand

    x = [4, -2, 6, 8]       p = 0.25        u = [0.7, 0.1, 0.25, 0.9]
    m = [1, 0, 1, 1]        1 / (1 - p) = 4/3

    y  = [5.3333, 0, 8, 10.6667]
    dy = [3, 3, -6, 1.5]    gives       dx = [4, 0, -8, 2]

In evaluation y = x and dx = dy.

## Source

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from
Overfitting", JMLR 15 (2014): section 4 for the model, section 10 for scaling in training.
"""

from typing import Any

import numpy as np


def dropout_forward(x: np.ndarray, p: float, rng: np.random.Generator, training: bool) -> tuple[np.ndarray, Any]:
    """Zeros with probability `p`, the rest scaled to keep the expectation; x in evaluation; and what backward needs."""
    raise NotImplementedError("return y, and in a cache of your own what dropout_backward will need")


def dropout_backward(dy: np.ndarray, cache: Any) -> np.ndarray:
    """The gradient for x, from the gradient `dy` for y and the cache of the forward call."""
    raise NotImplementedError("return dx")


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = np.array([4.0, -2.0, 6.0, 8.0])
    total = np.zeros(4)
    for step in range(1, 10001):
        y, cache = dropout_forward(x, 0.25, rng, training=True)
        total += y
        if step <= 3:
            print("y  =", y, "  dx =", dropout_backward(np.ones(4), cache))
    print("the mean of 10,000 of them:", total / 10000, " x =", x)
    print("in evaluation:", dropout_forward(x, 0.25, rng, training=False)[0])

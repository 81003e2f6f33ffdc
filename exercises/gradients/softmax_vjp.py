"""# The gradient of softmax

Softmax turns scores into probabilities, in every attention head and at the end of every language model. To
train them, the gradient must come back through it. Write that step: given what softmax gave, `s`, and how
the loss changes with it, `dy`, work out how the loss changes with the scores.

Along one axis with n entries, s = softmax(x) means sᵢ = exp(xᵢ) / (exp(x₁) + ... + exp(xₙ)). Every output
depends on every input through the sum below the line, so the derivative is a matrix, the **Jacobian**:

    ∂sᵢ / ∂xⱼ = sᵢ (δᵢⱼ - sⱼ)                where δᵢⱼ is 1 if i = j, else 0

and the chain rule adds up all the ways by which xⱼ reaches the loss L. That product of a row vector with
the Jacobian is called a **vector-Jacobian product**, VJP for short:

    dxⱼ = ∂L/∂xⱼ = Σᵢ dyᵢ ∂sᵢ/∂xⱼ            where dyᵢ = ∂L/∂sᵢ

Nobody builds the n × n matrix: for the 100,000 tokens of a vocabulary it would fill 80 GB. Put the first
line into the second and simplify, until only elementwise products and **one sum** along the axis are left.
This is also the step that FlashAttention does for every block of its backward pass.

## Signature

`softmax_vjp(s, dy, axis)` returns dx. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `s` | any, at least one axis | float32 or float64 | softmax's **output** along `axis`: entries ≥ 0 that sum to 1 along it |
| `dy` | like `s` | like `s` | ∂L/∂s |
| `axis` | int | | the axis the softmax went along; may be negative, as everywhere in NumPy |
| returns | like `s` | like `s` | ∂L/∂x, x being the scores that went into the softmax |

## Conventions and edge cases

- `s` is the output, not the scores: there is nothing to exponentiate.
- All other axes are independent of one another: each line along `axis` is a softmax of its own.
- Each line of dx sums to 0, since adding one number to all scores of a line changes no probability. For the
  same reason a `dy` that is constant along the line gives 0.
- Where s is exactly 0 (a masked token) dx is exactly 0, whatever finite number dy is there. Where a line of
  s is exactly one-hot, dx is 0.
- Lines may differ in scale by many powers of ten; each is as accurate as its own numbers allow.
- An axis of size 1 gives zeros; axes of size 0 give an empty array; the arrays may have any strides.
- `s` and `dy` are only read. float32 in gives float32 out, float64 gives float64.

## Example

    s  = [0.2, 0.5, 0.3]
    dy = [1.0, 2.0, 4.0]
    dx = [-0.28, -0.2, 0.48]                 it sums to 0

Sources: Bridle, "Training stochastic model recognition algorithms as networks can lead to maximum mutual
information estimation of parameters" (NIPS 1989), which named softmax; Dao et al., "FlashAttention" (2022),
appendix B.2, for its use in attention.
"""

import numpy as np


def softmax_vjp(s: np.ndarray, dy: np.ndarray, axis: int) -> np.ndarray:
    """The gradient for the scores of a softmax along `axis`, from its output `s` and the gradient `dy` of that output."""
    raise NotImplementedError(
        "return the gradient with the shape of s, using elementwise products and one sum along the axis"
    )


if __name__ == "__main__":
    # Beside the truth: the loss is sum(dy * softmax(x)); nudge each score and see how it changes.
    def softmax(x: np.ndarray) -> np.ndarray:
        e = np.exp(x - x.max())
        return e / e.sum()

    x, dy, h = np.array([0.1, 1.0, 0.5]), np.array([1.0, 2.0, 4.0]), 1e-5
    nudges = h * np.eye(3)
    measured = [(np.sum(dy * softmax(x + nudge)) - np.sum(dy * softmax(x - nudge))) / (2 * h) for nudge in nudges]
    print("measured:", np.array(measured))
    print("yours:   ", softmax_vjp(softmax(x), dy, axis=-1))

"""# Layer normalisation, forward and backward

Every block of a transformer normalises each token's vector: mean 0, variance 1, then a learnt scale γ and
shift β for each feature. It keeps the numbers of a deep network in range, whatever the batch. Its backward
pass is the classic of hand-written gradients, since every output of a token depends on every input of that
token in three ways: directly, through the mean, and through the variance.

For one token x = (x₁ ... x_D), with ε a small number:

    μ  = (1/D) Σᵢ xᵢ                          mean
    σ² = (1/D) Σᵢ (xᵢ - μ)²                   variance, divided by D and not by D - 1
    x̂ᵢ = (xᵢ - μ) / √(σ² + ε)                 ε stands inside the root
    yᵢ = γᵢ x̂ᵢ + βᵢ

Given dy = ∂L/∂y for a loss L, the backward pass finds ∂L/∂x, ∂L/∂γ and ∂L/∂β. The chain rule wants the
slopes of x̂ᵢ by xⱼ; with δᵢⱼ = 1 if i = j, else 0:

    ∂μ/∂xⱼ  = 1/D            ∂σ²/∂xⱼ = (2/D) (xⱼ - μ)
    ∂x̂ᵢ/∂xⱼ = [ δᵢⱼ - 1/D - x̂ᵢ x̂ⱼ / D ] / √(σ² + ε)

Put that into dxⱼ = Σᵢ ∂L/∂x̂ᵢ · ∂x̂ᵢ/∂xⱼ, and two means over the features are all that is left of the sums.
γ and β are shared by all tokens, so their gradients are sums over all tokens.

## Signature

`ln_forward(x, gamma, beta, eps)` returns `(y, cache)`, and `ln_backward(dy, cache)` returns
`(dx, dgamma, dbeta)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (..., D), D ≥ 1 | float32 or float64 | the tokens' vectors; any number of axes before the last one, none too |
| `gamma`, `beta` | (D,) | like `x` | scale γ and shift β |
| `eps` | float ≥ 0 | | ε, added to the variance |
| `y` | like `x` | like `x` | the result, γ x̂ + β |
| `cache` | yours | yours | whatever your backward needs: arrays, numbers, a tuple or a dict of them |
| `dy` | like `x` | like `x` | ∂L/∂y |
| `dx` | like `x` | like `x` | ∂L/∂x |
| `dgamma`, `dbeta` | (D,) | like `x` | ∂L/∂γ and ∂L/∂β, **summed** over all axes but the last |

## Conventions and edge cases

- Statistics are over the last axis only: each token on its own. Neither the batch nor the other positions
  have a say.
- A token whose features are all equal has variance 0: with ε > 0 its x̂ is 0, y is β, and dx is finite (the
  formula holds as it is).
- Tokens may lie far from zero: x = 1,000,000 ± 1 in float64 is normalised as well as ± 1. So the variance
  is the mean of (x - μ)²; the mean of x² less μ² would lose all its digits.
- dx has two properties to check yours by: it sums to 0 over each token's features (adding a number to all
  of x changes nothing), and with ε = 0 it is at right angles to x̂, Σᵢ dxᵢ x̂ᵢ = 0 (making the spread of x
  wider or narrower changes nothing either).
- γ may hold zeros: such a feature is switched off, y is β there, but its dγ is in general not 0.
- D = 1 gives y = β and dx = 0: ε is above 0 wherever all features of a token are equal. With no tokens, x of shape
  (0, D), y and dx are empty, and dgamma and dbeta are zeros.
- A cache belongs to its own call of forward. Several forwards may come before the backwards, in any order,
  and a cache may be used for more than one backward.
- Arguments are only read, and may have any strides. float32 in gives float32 out, float64 gives float64.

## Example

    x = [1.0, 2.0, 6.0]   gamma = [1.0, 2.0, 1.0]   beta = [0.0, 0.5, 0.0]   eps = 1/3
    μ = 3, σ² = 14/3, √(σ² + ε) = √5
    y      = [-0.894427, -0.394427, 1.341641]
    dy     = [1.0, 0.0, 0.0]
    dx     = [0.178885, -0.208699, 0.029814]
    dgamma = [-0.894427, 0.0, 0.0]            dbeta = [1.0, 0.0, 0.0]

Source: Ba, Kiros and Hinton, "Layer normalization" (2016, arXiv:1607.06450), section 3 for the statistics
and section 3.1 for gain and bias.
"""

from typing import Any

import numpy as np


def ln_forward(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float) -> tuple[np.ndarray, Any]:
    """Layer normalisation over the last axis, scaled by `gamma` and shifted by `beta`; and what backward needs."""
    raise NotImplementedError("return y, and in a cache of your own what ln_backward will need")


def ln_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients for x, gamma and beta, from the gradient `dy` for y and the cache of the forward call."""
    raise NotImplementedError("return dx, dgamma and dbeta")


if __name__ == "__main__":
    x, gamma, beta = np.array([[1.0, 2.0, 6.0]]), np.array([1.0, 2.0, 1.0]), np.array([0.0, 0.5, 0.0])
    y, cache = ln_forward(x, gamma, beta, eps=1 / 3)
    print("y      =", y)
    dx, dgamma, dbeta = ln_backward(np.array([[1.0, 0.0, 0.0]]), cache)
    print("dx     =", dx, "  its sum:", dx.sum())
    print("dgamma =", dgamma, "  dbeta =", dbeta)

    # The loss is y[0, 0] here; nudge each feature and see how it changes.
    h = 1e-5
    nudged = [
        (ln_forward(x + n, gamma, beta, 1 / 3)[0] - ln_forward(x - n, gamma, beta, 1 / 3)[0])[0, 0]
        for n in h * np.eye(3)
    ]
    print("dx measured:", np.array(nudged) / (2 * h))

"""# Batch normalisation, forward and backward

Batch normalisation normalises each *feature* over the examples of a batch, where layer normalisation takes each token
by itself. It made deep image networks trainable and is in most of them, and in speech models. It is also the first
layer that does two different things: in training it uses the statistics of the batch and keeps a running average of
them; in evaluation it uses that average, so that an answer does not depend on whoever else is in the batch. Half of
all mistakes with it are about which of the two is on.

For one feature with the values x₁ ... x_N over the batch, in **training**:

    μ  = (1/N) Σₙ xₙ                            mean of the batch
    σ² = (1/N) Σₙ (xₙ - μ)²                     variance of the batch, divided by N
    x̂ₙ = (xₙ - μ) / √(σ² + ε)                   ε stands inside the root
    yₙ = γ x̂ₙ + β

    running_mean ← (1 - m) running_mean + m μ
    running_var  ← (1 - m) running_var  + m σ² N / (N - 1)       the unbiased variance, divided by N - 1

In **evaluation** the running statistics stand in the places of μ and σ², and they stay as they are:

    yₙ = γ (xₙ - running_mean) / √(running_var + ε) + β

Given dy = ∂L/∂y for a loss L, the backward pass finds ∂L/∂x, ∂L/∂γ and ∂L/∂β. In training every x of the batch acts on
every y of its feature, through μ and σ²:

    ∂μ/∂xₖ = 1/N            ∂σ²/∂xₖ = (2/N) (xₖ - μ)

In evaluation μ and σ² are constants, and x acts on its own y alone.

## What to write

`bn_forward(x, gamma, beta, running, momentum, eps, training)` returns `(y, new_running, cache)`, and
`bn_backward(dy, cache)` returns `(dx, dgamma, dbeta)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | (N, D) or (N, D, H, W) | float32 or float64 | a batch of N vectors, or of N images with D channels |
| `gamma`, `beta` | (D,) | like `x` | scale γ and shift β, one for each feature |
| `running` | a tuple of two (D,) | like `x` | `(running_mean, running_var)` |
| `momentum` | float in [0, 1] | | m, the weight of the **new** batch |
| `eps` | float ≥ 0 | | ε, added to the variance |
| `training` | bool | | statistics of the batch (True) or the running ones (False) |
| `y` | like `x` | like `x` | the result |
| `new_running` | a tuple of two (D,) | like `x` | the running statistics after this call |
| `cache` | yours | yours | whatever your backward needs |
| `dy`, `dx` | like `x` | like `x` | ∂L/∂y and ∂L/∂x |
| `dgamma`, `dbeta` | (D,) | like `x` | ∂L/∂γ and ∂L/∂β, **summed** over all that share them |

## Conventions and edge cases

- Axis 1 is the feature. For images the statistics of a channel go over the batch *and* all its places: read N H W for
  N in the formulas above, in N - 1 too.
- m is the weight of the new batch, as in PyTorch. (Others, Keras among them, call 1 - m the momentum.)
- y is made with the variance divided by N; only the running variance gets the unbiased one.
- With one value for each feature the unbiased variance is 0 / 0. Then running_var stays as it is (running_mean still
  moves); y = β and dx = 0. ε is above 0 wherever all values of a feature are equal.
- The running statistics are returned new; the arrays given are not changed. In evaluation new_running holds the same
  numbers.
- The running statistics are no part of the loss: nothing flows back through new_running.
- backward goes with the forward whose cache it gets: a cache of an evaluation gives the gradients of the evaluation.
- Values far from zero, x = 1,000,000 ± 1, are normalised as well as ± 1: σ² is the mean of (x - μ)².
- Several forwards may come before the backwards, and a cache may be used more than once. Arguments are only read, and
  may have any strides. float32 in gives float32 out.

A property to check yours by: in training, dx sums to 0 over the batch for each feature.

## By hand

One feature, N = 3, γ = 1, β = 0.5, ε = 1/3, m = 0.25, running = (1, 2), training:

    x = [1, 2, 6]               μ = 3,  σ² = 14/3,  √(σ² + ε) = √5,  unbiased variance 7
    y  = [-0.394427, 0.052786, 1.841641]        new_running = (0.75 · 1 + 0.25 · 3, 0.75 · 2 + 0.25 · 7) = (1.5, 3.25)
    dy = [1, 0, 0]
    dx = [0.178885, -0.208699, 0.029814]        dgamma = [-0.894427],  dbeta = [1]

In evaluation with the same running: (x - 1) / √(2 + 1/3) = [0, 0.654654, 3.273268], so y = [0.5, 1.154654, 3.773268];
and the same dy gives dx = [0.654654, 0, 0], dgamma = [0], dbeta = [1].

## Source

Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"
(2015, arXiv:1502.03167), section 3 and algorithms 1 and 2.
"""

from typing import Any

import numpy as np


def bn_forward(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running: tuple[np.ndarray, np.ndarray],
    momentum: float,
    eps: float,
    training: bool,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], Any]:
    """Batch normalisation over all axes but axis 1; the running mean and variance afterwards; what backward needs."""
    raise NotImplementedError("return y, (new_running_mean, new_running_var), and a cache of your own")


def bn_backward(dy: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients for x, gamma and beta, from the gradient `dy` for y and the cache of the forward call."""
    raise NotImplementedError("return dx, dgamma and dbeta, in training and in evaluation")


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    gamma, beta, running = np.ones(2), np.zeros(2), (np.zeros(2), np.ones(2))
    for step in range(1, 31):
        batch = rng.normal(loc=[5.0, -1.0], scale=[3.0, 0.5], size=(64, 2))
        y, running, cache = bn_forward(batch, gamma, beta, running, momentum=0.2, eps=1e-5, training=True)
        if step in (1, 5, 30):
            print(f"after {step:2} batches: running mean", running[0], " running variance", running[1])
    print("it should approach     [5, -1] and [9, 0.25]")
    y, _, _ = bn_forward(np.array([[5.0, -1.0]]), gamma, beta, running, momentum=0.2, eps=1e-5, training=False)
    print("one example alone, in evaluation:", y)
    print("the sum of dx over the batch:", bn_backward(rng.normal(size=(64, 2)), cache)[0].sum(0))

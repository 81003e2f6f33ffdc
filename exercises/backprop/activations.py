"""# Activation functions, forward and backward

Between two matrix products of a feed-forward block stands a function that bends: without it the two would be
one. It works on each number alone, y = f(x), so its backward pass is a product of numbers,

    dx = dy · f'(x)

and the whole art is in f' and in what happens far away from zero. ReLU was the choice of the first
transformer, GELU that of BERT and GPT; sigmoid and tanh are the gates of an LSTM.

    relu(x)    = max(x, 0)                             1 where x > 0, else 0
    sigmoid(x) = 1 / (1 + e⁻ˣ)                         s (1 - s)        with s = sigmoid(x)
    tanh(x)    = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)               1 - t²           with t = tanh(x)
    gelu(x)    = x Φ(x)                                the product rule, see below

Φ is the distribution function of the standard normal distribution, and its slope is the density φ:

    Φ(x) = ½ (1 + erf(x / √2))             φ(x) = Φ'(x) = e^(-x²/2) / √(2π)

erf was slow once, so there is an approximation. **GPT-2 uses it, while BERT in PyTorch uses the exact one**. They
differ by up to 0.0005, and a model wants the one that it was trained with.

    gelu_tanh(x) = ½ x (1 + tanh(u))       u = √(2/π) (x + 0.044715 x³)

Both are a product of x with something that depends on x, and so both have two terms in their derivative. Of the
approximation take the derivative of the approximation, not of what it approximates.

## Signature

Seven functions, NumPy only. The forward pass of tanh is `np.tanh`, so only its backward pass is asked for.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | any, () too | float32 or float64 | the **input** of the forward pass, also in every backward function |
| `dy` | that of `x` | like `x` | the gradient ∂L/∂y for the output |
| `approximate` | str | | "none" for the exact GELU, "tanh" for the approximation, as PyTorch has it |
| result | that of `x` | like `x` | y of a forward function; dx = ∂L/∂x of a backward function |

## Conventions and edge cases

- A backward function gets the forward's **input** x and not its output. (Libraries often keep the output of sigmoid
  and tanh, from which the slope is quick to have. Not here.)
- The slope of relu at exactly 0 is 0.
- x may be anything from -10,000 to 10,000, in one array with small numbers, and every result is finite: no NaN, no
  infinity. e^10000 is infinite, and infinity / infinity is NaN.
- sigmoid keeps its digits for negative x, where it is small: sigmoid(-40) is 4.248e-18 and not 0. (The slopes need
  not be right to the last digit where they are below 1e-12.)
- NumPy has no erf. The stub brings one that works on arrays.
- The constant 0.044715 and √(2/π) are as they stand, not rounded.
- For x of shape () a NumPy scalar may come back as well as an array of shape ().
- x and dy are only read, and may have any strides and be empty.

## Example

    x = [-1, 0, 2],  dy = [1, 1, 10]

    relu(x)              [0, 0, 2]                                relu_back(dy, x)           [0, 0, 10]
    sigmoid(x)           [0.268941, 0.5, 0.880797]                sigmoid_back(dy, x)        [0.196612, 0.25, 1.049936]
    gelu(x, "none")      [-0.158655, 0, 1.954500]                 tanh_back(dy, x)           [0.419974, 1, 0.706508]
    gelu(x, "tanh")      [-0.158808, 0, 1.954598]                 gelu_back(dy, x, "none")   [-0.083315, 0.5, 10.852318]
                                                                  gelu_back(dy, x, "tanh")   [-0.082964, 0.5, 10.860993]

## Source

Hendrycks and Gimpel, "Gaussian error linear units (GELUs)" (2016, arXiv:1606.08415), section 2, with the
approximation; Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (ICML 2010).
"""

import math

import numpy as np


def erf(x: np.ndarray) -> np.ndarray:
    """The error function of each entry, with the dtype of x. This one is given."""
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    raise NotImplementedError("a new array; x itself stays as it is")


def relu_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy where x > 0, else 0."""
    raise NotImplementedError("let dy through where relu let x through")


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ˣ), finite for every x."""
    raise NotImplementedError("look for a way in which e is never raised to a large number")


def sigmoid_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy times the slope of sigmoid at x."""
    raise NotImplementedError("the slope is written with s = sigmoid(x)")


def tanh_back(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dy times the slope of tanh at x."""
    raise NotImplementedError("the slope is written with t = tanh(x)")


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    """x Φ(x), exactly or by the tanh approximation."""
    raise NotImplementedError("two formulas")


def gelu_back(dy: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    """dy times the slope at x of what gelu computes with the same `approximate`."""
    raise NotImplementedError("the product rule, twice")


if __name__ == "__main__":
    x = np.array([-1.0, 0.0, 2.0])
    print("relu     ", relu(x), relu_back(np.ones(3), x))
    print("sigmoid  ", sigmoid(x), sigmoid_back(np.ones(3), x), " at -1e4:", sigmoid(np.array([-1e4])))
    for kind in ("none", "tanh"):
        nudged = (gelu(x + 1e-5, kind) - gelu(x - 1e-5, kind)) / 2e-5
        print(f"gelu {kind}", gelu(x, kind), gelu_back(np.ones(3), x, kind), " measured:", nudged)

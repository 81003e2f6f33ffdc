"""# Softmax

A language model ends in scores, one for each token of its vocabulary, and so does every attention head, one for each
key. Scores may be any numbers. **Softmax** makes probabilities of them: all positive, adding up to 1, larger where
the score is larger. It is called at every step of every model in this course.

Along one axis with n entries:

    softmax(x)ᵢ = exp(xᵢ) / ( exp(x₁) + ... + exp(xₙ) )

Typed as it stands, the formula breaks. exp(710) is more than a float64 can hold, exp(89) more than a float32 can;
both become inf, and inf / inf is NaN. At the other end, where all scores are below -750, every exp is 0, and 0 / 0 is
NaN too. Real scores get there: one NaN, and a training run of a week is lost.

The way out is a property of softmax: **adding one number to all scores of a line changes nothing**, since above and
below the line it becomes the same factor:

    exp(xᵢ + c) / Σⱼ exp(xⱼ + c) = exp(c) exp(xᵢ) / ( exp(c) Σⱼ exp(xⱼ) ) = softmax(x)ᵢ

You may choose c, and for each line its own. Choose it so that no exp can overflow, and the sum cannot be 0.

## Signature

`softmax(x, axis=-1)` returns the probabilities. NumPy only; nothing of NumPy is forbidden, and it has no softmax.

| name | shape | dtype | what it is |
|---|---|---|---|
| `x` | any, at least one axis | float32, float64 or int64 | the scores; entries may be -inf |
| `axis` | int | | the axis along which the probabilities add up to 1; may be negative, as everywhere in NumPy |
| returns | like `x` | like `x`; float64 where `x` is int64 | the probabilities |

## Conventions and edge cases

- Each line along `axis` is a softmax of its own. Lines of one array may be 1e6 apart, and each must come out right.
- A score of **-inf** means "never": its probability is exactly 0. Attention hides tokens in this way.
- A line that is **-inf throughout** has nothing to choose from. Here it gives **zeros**, which in attention makes the
  average of no values 0. (PyTorch gives NaN there.)
- Small probabilities keep their digits: 1e-200 is no 0, and there is no small number added below the line.
- float32 stays float32, and float64 stays float64.
- An axis of size 1 gives ones. An array without lines, of shape (0, 5) with axis 1, gives an array of that shape.
  Axes of size 0 along `axis` itself, NaN and +inf do not occur.
- `x` may have any strides and is only read.

## Example

    x = [0, ln 2, ln 5]           exp(x) = [1, 2, 5], their sum is 8
    softmax(x) = [0.125, 0.25, 0.625]

    softmax([1000, 1000]) = [0.5, 0.5]          softmax([-inf, 3]) = [0, 1]

## Source

John Bridle, "Training stochastic model recognition algorithms as networks can lead to maximum mutual information
estimation of parameters" (NIPS 1989), which named softmax. The shift: Ian Goodfellow, Yoshua Bengio and Aaron
Courville, *Deep Learning* (MIT Press 2016), section 4.1, "Overflow and underflow".
"""

import numpy as np


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The probabilities exp(x) / Σ exp(x) along `axis`, for scores of any size."""
    raise NotImplementedError("shift each line so that no exp overflows, then divide each exp by the sum of its line")


if __name__ == "__main__":
    scores = np.array([1.0, 2.0, 4.0])
    print("probabilities:      ", softmax(scores))
    print("1000 more for each: ", softmax(scores + 1000))
    # A temperature divides the scores: low makes a model sure of itself, high makes it guess.
    for temperature in (0.25, 1.0, 4.0):
        print(f"temperature {temperature:4}:   ", softmax(scores / temperature).round(3))

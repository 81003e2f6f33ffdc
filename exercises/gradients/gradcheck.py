"""# Gradient checking

You have worked out a gradient by hand and written it as a function `df`. Is it right? Training will not tell: a model
with a wrong gradient often still learns, only worse, and nothing is ever raised. The test that does tell is the
**gradient check**: measure the gradient with central differences and compare, **entry by entry**. Frameworks test every
operation of theirs this way (PyTorch's is called `gradcheck`), and so did everybody who wrote a backward pass by hand.

The measuring is done: `num_grad` is your own solution of `gradients/numerical_gradient`. Left is the comparison, and it
is where checks go wrong. With a the gradient from `df`, n the measured one, and M the largest size among all the
finite numbers in both,

    eᵢ = |aᵢ - nᵢ| / max( |aᵢ|, |nᵢ|, M / 1000 )

- **Relative**, because gradients come in all sizes. With a fixed tolerance of 1e-5 a gradient of 1e-7 is right
  whatever it is, and one of 1e6 never.
- **To the entry's own size**, so that one wrong entry does not hide behind large ones.
- **But not to less than M / 1000.** Where the true slope is 0, n is a little rounding, 1e-12 say, and |a - n| would be
  all of n: an error of 100 % in a gradient that is right.

The gradient passes if the **largest** eᵢ is at most `rtol`. A mean would let one wrong entry in a thousand pass.

## Signature

`check(f, df, x, rtol=1e-5)` returns `(ok, worst, error)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `f` | | function | takes a float64 array with the shape of `x`, returns one number |
| `df` | | function | takes the same, returns the gradient to be judged, a float64 array with the shape of `x` |
| `x` | any | float64 or float32 | where it is judged; only read |
| `rtol` | | float | the largest error that passes |
| returns `ok` | | bool | whether `error` ≤ `rtol` |
| returns `worst` | | tuple of ints | the index of the largest eᵢ in `x`; of equals the first, row by row |
| returns `error` | | float | that eᵢ |

## Conventions and edge cases

- Measure with `num_grad(f, x)`, its default step. Give `df` a float64 **copy** of x.
- Where aᵢ and nᵢ are both 0, eᵢ is 0: a gradient of nothing but zeros may be right.
- Where aᵢ or nᵢ is NaN or infinite, eᵢ is **infinite**. (NaN ≤ rtol is False, but so is NaN > rtol.)
- A gradient of another shape than `x` raises `ValueError`. (NumPy would broadcast it in silence.)
- Without entries there is nothing wrong: `(True, (), 0.0)`. For x of shape (), `worst` is `()` as well.

## Example

    df gives a = [ 3.0,  0.5, -0.001 ],   measured is n = [ 3.0, 0.4, 0.001 ];   M = 3, M / 1000 = 0.003

    e = [ 0 / 3,   0.1 / 0.5,   0.002 / 0.003 ] = [ 0, 0.2, 0.667 ]      (False, (2,), 0.667)

## Source

Andrej Karpathy and others, Stanford's course notes CS231n, "Neural Networks Part 3", section "Gradient checks", on
relative errors. Jorge Nocedal and Stephen Wright, *Numerical Optimization* (2nd edition, Springer 2006), section 8.1.
"""

from collections.abc import Callable

import numpy as np
from gradients.numerical_gradient import num_grad  # yours


def check(
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    rtol: float = 1e-5,
) -> tuple[bool, tuple[int, ...], float]:
    """Compare the gradient `df(x)` with the measured one: whether it passes, its worst entry, and the error there."""
    raise NotImplementedError("measure with num_grad, compare entry by entry, and report the worst entry")


if __name__ == "__main__":
    x = np.array([0.5, -1.0, 2.0])
    print("measured:", num_grad(lambda x: float(np.sum(x**3)), x))
    print("3 x²:    ", check(lambda x: float(np.sum(x**3)), lambda x: 3 * x**2, x))
    print("3 x |x|: ", check(lambda x: float(np.sum(x**3)), lambda x: 3 * x * np.abs(x), x))
    print("tiny:    ", check(lambda x: float(1e-7 * np.sum(x**3)), lambda x: 2e-7 * x**2, x))

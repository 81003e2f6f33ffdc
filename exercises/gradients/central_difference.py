"""# Forward and central differences

Training a language model is walking downhill, and the way down is the derivative of the loss. The rest of
this course works derivatives out by rule. This exercise measures one: ask the function for its value at two
points near `x`, and divide the rise by the run. That is too slow for training (two runs of the model for
every parameter) and never exact, but it needs to know nothing of how `f` works. So it is the judge of every
gradient written by hand: "gradcheck" is this function.

    kind        formula                              error, for a smooth f and a small h
    "forward"   ( f(x + h) - f(x) ) / h              about (h / 2) f''(x):    first order, O(h)
    "central"   ( f(x + h) - f(x - h) ) / (2 h)      about (h² / 6) f'''(x):  second order, O(h²)

Halve `h` and the error of the forward difference halves, while that of the central one falls to a quarter,
for the same two calls of `f`. Smaller is not always better: `f` is rounded to about 16 digits, and dividing
by `h` magnifies that rounding.

## Signature

`diff(f, x, h, kind)` returns an estimate of f'(x).

| name | type and shape | what it is |
|---|---|---|
| `f` | function | takes a float or a float64 array and returns the same, worked out element by element |
| `x` | float, or float64 array of any shape `S` | where the derivative is wanted |
| `h` | float, not zero | the step, the same for all elements; in a central difference, the distance from `x` to **each** side |
| `kind` | `"forward"` or `"central"` | which of the two formulas |
| returns | float, or float64 array of shape `S` | the formula's value at every element of `x` |

## Conventions and edge cases

- Take the formulas as they stand, with the `h` that is given, large or small. Nothing is cut off, rounded
  or improved.
- `h` may be negative: the same formulas hold, and the forward difference then looks to the left of `x`.
- All arithmetic is in float64. In float32 there are 7 digits, and `x + h` is `x` for most steps worth taking.
- `f` may be costly (a whole model): call it **exactly twice**, with all of `x` at once, at the two points
  of the formula and nowhere else. The central formula never asks for `f(x)`; `f` may not even be defined
  there.
- `x` may have any strides, one element or none, and is only read: it holds the same numbers afterwards.
- Any other `kind` raises `ValueError`, and so does `"Forward"`: the two names are taken as they are written.

## Example

With f(x) = x³ at x = 2 the derivative is 3x² = 12.

    diff(f, 2.0, 0.5, "forward") = (2.5³ - 2³) / 0.5   = (15.625 - 8) / 0.5       = 15.25
    diff(f, 2.0, 0.5, "central") = (2.5³ - 1.5³) / 1.0 = (15.625 - 3.375) / 1.0   = 12.25

Source: Nocedal and Wright, *Numerical Optimization* (2nd edition, 2006), section 8.1, "Finite-difference
derivative approximations".
"""

from collections.abc import Callable

import numpy as np

Number = float | np.ndarray


def diff(f: Callable[[Number], Number], x: Number, h: float, kind: str) -> Number:
    """The forward or central difference of `f` at `x` with step `h`; shaped like `x`."""
    raise NotImplementedError(
        "return one formula for kind 'forward', the other for 'central'; ValueError for any other kind"
    )


if __name__ == "__main__":
    # How the error falls with h, and how rounding brings it back. The derivative of exp at 1 is e.
    for exponent in (1, 2, 4, 6, 8, 10, 12):
        step = 10.0**-exponent
        forward = diff(np.exp, 1.0, step, "forward") - np.e
        central = diff(np.exp, 1.0, step, "central") - np.e
        print(f"h = 1e-{exponent:02d}   error of forward {forward: .1e}   of central {central: .1e}")

"""# Limits, and where a numeric one misleads

What is sin(x) / x at 0? The formula says 0 / 0, and yet every value near 0 is near 1. A **limit** is the number that
f(x) comes close to as x comes close to a point a, whatever f does at a itself. A derivative is a limit, and language
models are full of functions where one has to ask for it: ReLU has two slopes at 0, one from each side; softmax at
temperature 0 is a limit; so is a loss as a probability goes to 0.

- The **right limit** looks at points above a, the **left limit** at points below. They may differ.
- The **limit** exists if both exist and agree.
- f is **continuous** at a if the limit is a finite number and f(a) is that number.

A computer can only try a few points, so it can be deceived. Three traps:

1. *Too close.* (1 - cos x) / x² comes close to 1/2. But for x below 1e-8 the computer's cos x is exactly 1, and the
   quotient exactly 0. The point nearest to a is not the best one.
2. *In step.* sin(π / x) swings for ever near 0. At x = 0.1, 0.01, 0.001, ... it happens to be 0 each time.
3. *By chance.* A function may take the same value at two or three points and go on somewhere else.

## Signatures

`limit(f, a, side, tol=1e-6)` returns a float; `continuous(f, a, tol=1e-6)` returns a bool. Plain Python and NumPy.

| name | type | what it is |
|---|---|---|
| `f` | function | takes a float, gives a float64 number; NaN where it is not defined; never inf, except at `a` itself |
| `a` | float | the point |
| `side` | `"left"`, `"right"` or `"both"` | from where; anything else raises `ValueError` |
| `tol` | float | how little the values may still change, relative to their size |

## The rules

For one side:

- Try the distances h = 0.3¹, 0.3², 0.3³, ... in this order, at most 40. (Powers of 0.3 keep out of step with most.)
  Stop before the first h so small that a + h (on the left, a - h) **is** a, rounded: f(a) has no say in a limit.
- The values have **settled** at a value v when the last **three** changes in a row, the one to v and the two before it,
  were each at most tol · max(1, |v|), |v| being the size of the newest value. The first v at which they have settled is
  the limit; try no further.
- If they never settle: where the last value v is larger in size than 1e6, and larger than the two before it, the
  limit is inf or -inf, with the sign of v. In every other case there is no limit: NaN.

For `"both"`: the mean of the two one-sided limits if they differ by at most 10 · tol · max(1, |right limit|); inf or
-inf where both are that same one; else NaN.

`continuous`: True if the limit from both sides is finite, and |f(a) - limit| ≤ 10 · tol · max(1, |limit|).

The rules are not perfect, and none can be: log x goes to -inf at 0, but so slowly that they find nothing (NaN).

## Example

    f(x) = |x| / x:      limit(f, 0.0, "right") = 1       "left" -1       "both" NaN
    g(x) = sin(x) / x:   limit(g, 0.0, "both") = 1        continuous only if g(0) is said to be 1
    1 / x at 0:          "right" inf, "left" -inf, "both" NaN;        1 / x²: "both" inf

## Source

Michael Spivak, *Calculus*, chapters 5 (limits) and 6 (continuous functions). Nicholas Higham, *Accuracy and Stability
of Numerical Algorithms* (2nd edition, SIAM 2002), section 1.7 on cancellation, with (1 - cos x) / x² as its example.
"""

from collections.abc import Callable


def limit(f: Callable[[float], float], a: float, side: str, tol: float = 1e-6) -> float:
    """The limit of `f` at `a` from the left, the right or both sides; inf, -inf, or NaN where there is none."""
    raise NotImplementedError("follow f towards a until three changes in a row are small; 'both' compares the sides")


def continuous(f: Callable[[float], float], a: float, tol: float = 1e-6) -> bool:
    """Whether `f` has a finite limit at `a`, and that value there."""
    raise NotImplementedError("compare f(a) with the limit from both sides")


if __name__ == "__main__":
    import math

    print("sin(x) / x at 0:       ", limit(lambda x: math.sin(x) / x, 0.0, "both"))
    print("(1 - cos x) / x² at 0: ", limit(lambda x: (1 - math.cos(x)) / x**2, 0.0, "both"))
    print("sin(pi / x) at 0:      ", limit(lambda x: math.sin(math.pi / x), 0.0, "both"))
    for k in (2, 4, 6, 8, 9):
        x = 10.0**-k
        print(f"x = {x:g}   (1 - cos x) / x² = {(1 - math.cos(x)) / x**2:.6f}")

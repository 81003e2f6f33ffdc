"""# Integrals and expectations

A derivative takes a function apart, an integral adds it up again. Most that is said of a distribution is one: the mean
of f(X), where X has the density p, is

    E[f(X)] = ∫ f(x) p(x) dx

With f(x) = x it is the mean, with (x - μ)² the variance, with -log p the entropy. GELU is x times an integral of the
normal density; the 16 levels of NF4 are read off such an integral; what rounding a weight costs on average is one more.

Few integrals have a formula, so they are measured. **Simpson's rule** cuts [a, b] into n parts of width h = (b - a) /
n, n being even, and lays a parabola through the three points of each pair of neighbouring parts. The areas below the
parabolas add up to

    ∫ f dx  ≈  h / 3 · ( f₀ + 4 f₁ + 2 f₂ + 4 f₃ + 2 f₄ + ... + 2 fₙ₋₂ + 4 fₙ₋₁ + fₙ )            fₖ = f(a + k h)

Its error is (b - a) h⁴ f'''' / 180: twice as many points, a **sixteenth** of the error. A sum of rectangles has an
error of h, and would need a million points where Simpson's rule needs ten. And as f'''' of a cubic is 0, it is exact
there.

For an expectation the density is often known only up to a factor: exp(-x² / 2) is much easier to write than its normed
form. So, as in softmax, divide by the total:

    E[f(X)] = ∫ f(x) p(x) dx  /  ∫ p(x) dx

## Signature

`simpson(f, a, b, n)` returns the integral; `expect(f, pdf, a=-10.0, b=10.0, n=2000)` the expectation. NumPy only.

| name | type and shape | what it is |
|---|---|---|
| `f`, `pdf` | function | takes a float64 array of points, returns their values, a float64 array of the same shape |
| `a`, `b` | float | the bounds; in `simpson` b may be below a |
| `n` | int | the number of **parts**, even, at least 2; so there are n + 1 points |
| both return | float | the integral, or the expectation of f(X) for an X in [a, b] with the density `pdf` |

## Conventions and edge cases

- `simpson` calls `f` **once**, with all n + 1 points as one float64 array of the shape (n + 1,), in their order from a
  to b, both ends among them.
- An n that is odd, or below 2, raises `ValueError`: the parts have to make pairs.
- With reversed bounds the integral changes its sign, ∫ from b to a is -∫ from a to b. With a = b it is 0.
- `expect` measures both integrals by Simpson's rule with the same n, and is the same for p and for 7 p. It does not
  look beyond a and b.
- Where ∫ p dx is not above 0 (or NaN) there is no such distribution: `expect` raises `ValueError`.

## Example

    ∫ x⁴ dx from 0 to 4, n = 4, h = 1:    1/3 · ( 0 + 4·1 + 2·16 + 4·81 + 256 ) = 616 / 3 = 205.33

    Exact is 4⁵ / 5 = 204.8. The difference, 0.533, is 4 · 1⁴ · 24 / 180, since f'''' = 24 everywhere.

    E[X²] for p(x) = x on [0, 2]:    ∫ x² · x dx = 4,    ∫ x dx = 2,    so it is 2. With n = 2 both are exact.

## Source

Richard Burden and J. Douglas Faires, *Numerical Analysis*, the section "Composite Numerical Integration" (4.4 in the
9th edition). Ian Goodfellow, Yoshua Bengio and Aaron Courville, *Deep Learning* (MIT Press 2016), section 3.8, on
expectations.
"""

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]


def simpson(f: Function, a: float, b: float, n: int) -> float:
    """The integral of `f` from `a` to `b` by Simpson's rule with `n` parts."""
    raise NotImplementedError("lay out n + 1 points, weigh their values, add them up")


def expect(f: Function, pdf: Function, a: float = -10.0, b: float = 10.0, n: int = 2000) -> float:
    """The expectation of f(X) for an X in [a, b] whose density is `pdf`, up to a factor."""
    raise NotImplementedError("two integrals, and the quotient of them")


if __name__ == "__main__":
    for n in (2, 4, 8, 16):
        print(f"n = {n:2}: error {simpson(np.exp, 0.0, 1.0, n) - (np.e - 1):.2e}")

    def bell(x: np.ndarray) -> np.ndarray:
        return np.exp(-((x - 1) ** 2) / 8)

    print(
        "mean:", expect(lambda x: x, bell, -19.0, 21.0), " variance:", expect(lambda x: (x - 1) ** 2, bell, -19.0, 21.0)
    )

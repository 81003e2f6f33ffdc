"""Wrong: Simpson's other rule, of three eighths, with the weights 1, 3, 3, 2, 3, 3, 1."""
# says: the sum of the areas below the parabolas

import numpy as np


def simpson(f, a, b, n):
    if n < 2 or n % 2:
        raise ValueError(n)
    w = np.full(n + 1, 3.0)
    w[::3] = 2
    w[0] = w[-1] = 1
    return float((b - a) / n * 3 / 8 * np.sum(w * f(np.linspace(a, b, n + 1))))


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), a, b, n) / total

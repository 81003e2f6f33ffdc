"""Wrong: the slice of the 4s runs on to the end, and that of the 2s over the last point."""
# says: the sum of the areas below the parabolas

import numpy as np


def simpson(f, a, b, n):
    if n < 2 or n % 2:
        raise ValueError(n)
    w = np.ones(n + 1)
    w[1::2] = 4
    w[2::2] = 2
    return float((b - a) / n / 3 * np.sum(w * f(np.linspace(a, b, n + 1))))


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), a, b, n) / total

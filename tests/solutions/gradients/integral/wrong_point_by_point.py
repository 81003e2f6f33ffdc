"""Wrong: f is called for one point after the other."""
# says: all points are to be given to it at once

import numpy as np


def simpson(f, a, b, n):
    if n < 2 or n % 2:
        raise ValueError(n)
    h, total = (b - a) / n, 0.0
    for k in range(n + 1):
        w = 1 if k in (0, n) else 4 if k % 2 else 2
        total += w * float(f(np.array([a + k * h]))[0])
    return h / 3 * total


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    total = simpson(pdf, a, b, n)
    if not total > 0:
        raise ValueError("no density")
    return simpson(lambda x: f(x) * pdf(x), a, b, n) / total

"""Wrong: expect adds up the points without Simpson's weights, on as many points."""
# says: the expectation of X² for p(x) = x on [0, 2]

import numpy as np


def simpson(f, a, b, n):
    if n < 2 or n % 2:
        raise ValueError(n)
    w = np.ones(n + 1)
    w[1:-1:2] = 4
    w[2:-1:2] = 2
    return float((b - a) / n / 3 * np.sum(w * f(np.linspace(a, b, n + 1))))


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    x = np.linspace(a, b, n + 1)
    p = pdf(x)
    if not p.sum() > 0:
        raise ValueError("no density")
    return float(np.sum(f(x) * p) / np.sum(p))

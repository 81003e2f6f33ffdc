"""Style: ends, odd and even points summed apart."""

import numpy as np


def simpson(f, a, b, n):
    if n <= 0 or n & 1:
        raise ValueError("even n wanted")
    y = f(np.linspace(a, b, num=n + 1, dtype=np.float64))
    return float((b - a) * (y[0] + y[-1] + 4 * y[1::2].sum() + 2 * y[2:-1:2].sum()) / (3 * n))


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    bottom = simpson(pdf, a, b, n)
    top = simpson(lambda x: np.multiply(f(x), pdf(x)), a, b, n)
    if bottom > 0:
        return top / bottom
    raise ValueError("the density does not integrate to something positive")

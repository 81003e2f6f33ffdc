"""Style: Simpson's rule as two thirds of the midpoint rule and one third of the trapezium rule, on steps of 2 h."""

import numpy as np


def simpson(f, a, b, n):
    if n < 2 or n != 2 * (n // 2):
        raise ValueError(n)
    H = 2 * (b - a) / n
    values = np.asarray(f(a + H / 2 * np.arange(n + 1.0)))
    midpoints = H * values[1::2].sum()
    outer = values[::2]
    trapezia = H * (0.5 * outer[0] + outer[1:-1].sum() + 0.5 * outer[-1])
    return float(2 * midpoints / 3 + trapezia / 3)


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    mass = simpson(pdf, a, b, n)
    if np.isnan(mass) or mass <= 0.0:
        raise ValueError(mass)
    return simpson(lambda x: f(x) * (pdf(x) / mass), a, b, n)

"""Style: the weights made by a helper; expect does not call simpson at all."""

import numpy as np


def weights(n):
    if n < 2 or n % 2 != 0:
        raise ValueError("n must be even and positive")
    w = np.tile([2.0, 4.0], n // 2 + 1)[: n + 1]
    w[0] = w[-1] = 1.0
    return w / 3


def simpson(f, a, b, n):
    w = weights(n)
    return float(np.dot(w, f(np.linspace(a, b, n + 1)))) * (b - a) / n


def expect(f, pdf, a=-10.0, b=10.0, n=2000):
    x = np.linspace(a, b, n + 1)
    p = weights(n) * pdf(x) * (b - a)
    if not p.sum() > 0:
        raise ValueError("no mass")
    return float(np.sum(p * f(x)) / p.sum())

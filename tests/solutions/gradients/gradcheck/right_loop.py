"""Style: math and a list of pairs, max by the error."""

import math

import numpy as np
from gradients.numerical_gradient import num_grad


def check(f, df, x, rtol=1e-5):
    mine = np.asarray(df(x.astype("float64")), dtype="float64")
    if np.shape(mine) != np.shape(x):
        raise ValueError("a gradient has the shape of x")
    measured = num_grad(f, x)
    sizes = [abs(float(v)) for v in [*mine.flat, *measured.flat] if math.isfinite(v)]
    floor = max(sizes, default=0.0) / 1000

    def error(i):
        p, q = float(mine[i]), float(measured[i])
        if not math.isfinite(p) or not math.isfinite(q):
            return math.inf
        return abs(p - q) / max(abs(p), abs(q), floor) if p != q else 0.0

    pairs = [(error(i), i) for i in np.ndindex(*x.shape)]
    if not pairs:
        return True, (), 0.0
    largest, place = max(pairs, key=lambda pair: pair[0])
    return largest <= rtol, place, largest

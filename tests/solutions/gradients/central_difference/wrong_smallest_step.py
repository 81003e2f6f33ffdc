"""Wrong: makes tiny steps larger, against rounding."""
# says: You make small steps larger

import math


def diff(f, x, h, kind):
    h = math.copysign(max(abs(h), 1e-8), h)
    if kind == "forward":
        return (f(x + h) - f(x)) / h
    if kind == "central":
        return (f(x + h) - f(x - h)) / (2 * h)
    raise ValueError(kind)

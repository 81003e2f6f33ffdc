"""Style: everything made a float64 array first, a match statement, np.subtract and np.divide."""

import numpy as np


def diff(f, x, h, kind):
    x = np.asarray(x, dtype=np.float64)
    match kind:
        case "forward":
            left, right, run = x, np.add(x, h), h
        case "central":
            left, right, run = np.subtract(x, h), np.add(x, h), 2.0 * h
        case _:
            raise ValueError("kind has to be 'forward' or 'central'")
    return np.divide(np.subtract(f(right), f(left)), run)

"""Wrong: the names are taken in capitals, too."""
# says: You take a kind in capitals, or with spaces around it, for

import numpy as np


def diff(f, x, h, kind):
    x = np.asarray(x, dtype=np.float64) if isinstance(x, np.ndarray) else float(x)
    kind = kind.lower()
    if kind == "forward":
        left, right, run = x, x + h, h
    elif kind == "central":
        left, right, run = x - h, x + h, 2 * h
    else:
        raise ValueError(f"no such kind of difference: {kind!r}")
    return (f(right) - f(left)) / run

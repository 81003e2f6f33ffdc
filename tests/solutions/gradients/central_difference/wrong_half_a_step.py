"""Wrong: the central difference goes half a step to each side."""
# says: Your central difference steps h/2 to either side. That is

import numpy as np


def diff(f, x, h, kind):
    x = np.asarray(x, dtype=np.float64) if isinstance(x, np.ndarray) else float(x)
    if kind == "forward":
        left, right, run = x, x + h, h
    elif kind == "central":
        left, right, run = x - h / 2, x + h / 2, h
    else:
        raise ValueError(f"no such kind of difference: {kind!r}")
    return (f(right) - f(left)) / run

"""Wrong: the central difference is the mean of the two one-sided ones, so that f is also asked for its value at x."""
# says: You work out more than the kind asks for: f is called more

import numpy as np


def diff(f, x, h, kind):
    x = np.asarray(x, dtype=np.float64) if isinstance(x, np.ndarray) else float(x)
    if kind not in ("forward", "central"):
        raise ValueError(f"no such kind of difference: {kind!r}")
    here = f(x)
    forward = (f(x + h) - here) / h
    if kind == "forward":
        return forward
    backward = (here - f(x - h)) / h
    return (forward + backward) / 2

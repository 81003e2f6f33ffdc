"""Wrong: ravels in memory order and reshapes in C order; transposed arrays come out shuffled."""
# says: has the shape (6,), expected (2, 3)

import numpy as np


def diff(f, x, h, kind):
    flat = np.ravel(x, order="K")
    if kind == "forward":
        slope = (f(flat + h) - f(flat)) / h
    elif kind == "central":
        slope = (f(flat + h) - f(flat - h)) / (2 * h)
    else:
        raise ValueError(kind)
    return slope.reshape(np.shape(x)) if np.ndim(x) else float(slope[0])

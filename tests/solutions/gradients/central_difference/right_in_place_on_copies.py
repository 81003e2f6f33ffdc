"""Style: in-place arithmetic on copies of its own, to save memory for large arrays."""

import numpy as np


def diff(f, x, h, kind):
    if kind not in ("forward", "central"):
        raise ValueError("kind must be forward or central")
    upper = np.array(x, dtype=np.float64, copy=True)
    lower = upper.copy()
    upper += h
    if kind == "central":
        lower -= h
    rise = np.array(f(upper), dtype=np.float64)
    rise -= f(lower)
    rise /= h if kind == "forward" else 2 * h
    return rise if isinstance(x, np.ndarray) else float(rise)

"""Style: recursion over the axes of x, stacking behind the outputs' axes."""

import numpy as np


def jac(f, x, h=1e-5):
    wide = np.array(x, dtype=np.float64)

    def slopes(place):
        if len(place) < wide.ndim:
            parts = [slopes((*place, k)) for k in range(wide.shape[len(place)])]
            return np.stack(parts, axis=parts[0].ndim - (wide.ndim - len(place) - 1))
        up, down = wide.copy(), wide.copy()
        up[place] += h
        down[place] -= h
        return np.asarray((f(up) - f(down)) / (2 * h))

    return slopes(())

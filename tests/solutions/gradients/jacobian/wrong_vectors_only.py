"""Wrong: a loop over range(len(x)), right for vectors and for nothing else."""
# says: along the first axis of x only

import numpy as np


def jac(f, x, h=1e-5):
    x = np.array(x, np.float64)
    columns = []
    for j in range(len(x)):
        up, down = x.copy(), x.copy()
        up[j] += h
        down[j] -= h
        columns.append((f(up) - f(down)) / (2 * h))
    return np.stack(columns, axis=-1)

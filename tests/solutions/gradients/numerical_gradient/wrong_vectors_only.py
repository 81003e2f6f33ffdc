"""Wrong: a loop over range(len(x)), right for vectors and for nothing else."""
# says: Each entry is the central difference of that entry

import numpy as np


def num_grad(f, x, h=1e-5):
    x = np.array(x, np.float64)
    gradient = np.zeros(x.shape)
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        gradient[i] = (f(up) - f(down)) / (2 * h)
    return gradient

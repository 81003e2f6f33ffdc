"""Wrong: the entries are moved through reshape(-1), which is a copy where the array keeps the strides of a transposed x."""
# says: You nudge x.reshape(-1) or x.ravel(). Of an array with

import numpy as np


def num_grad(f, x, h=1e-5):
    here = np.array(x, dtype=np.float64)
    grad = np.zeros(here.shape)
    flat, out = here.reshape(-1), grad.reshape(-1)
    for i in range(flat.size):
        kept = flat[i]
        flat[i] = kept + h
        up = f(here.copy())
        flat[i] = kept - h
        down = f(here.copy())
        flat[i] = kept
        out[i] = (up - down) / (2 * h)
    return grad

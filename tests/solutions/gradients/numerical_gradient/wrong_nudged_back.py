"""Wrong: float64 x is moved in place and moved back by adding, which does not always give the old number."""
# says: Adding h and taking it away again rounds

import numpy as np


def num_grad(f, x, h=1e-5):
    here = np.asarray(x, dtype=np.float64)
    grad = np.zeros(here.shape)
    for i in np.ndindex(here.shape):
        here[i] += h
        up = f(here.copy())
        here[i] -= 2 * h
        down = f(here.copy())
        here[i] += h
        grad[i] = (up - down) / (2 * h)
    return grad

"""Style: np.ndenumerate, one working copy put back from the original."""

import numpy as np


def num_grad(f, x, h=1e-5):
    work = np.array(x, dtype="float64", copy=True)
    grad = np.empty_like(work)
    for place, value in np.ndenumerate(x):
        work[place] = np.float64(value) - h
        low = f(work)
        work[place] = np.float64(value) + h
        grad[place] = 0.5 * (f(work) - low) / h
        work[place] = value
    return grad

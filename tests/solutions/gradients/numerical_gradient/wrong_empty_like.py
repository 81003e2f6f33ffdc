"""Wrong: np.zeros_like(x) for the gradient, which has the dtype of x."""
# says: Your result has the dtype of x

import numpy as np


def num_grad(f, x, h=1e-5):
    work = x.astype(np.float64)
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        here = work[i]
        work[i] = here + h
        up = f(work)
        work[i] = here - h
        gradient[i] = (up - f(work)) / (2 * h)
        work[i] = here
    return gradient

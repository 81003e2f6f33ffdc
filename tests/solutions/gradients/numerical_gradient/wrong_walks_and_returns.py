"""Wrong: += h, -= 2 h, += h in the caller's own array; rounding does not bring every number back."""
# says: to the last digit

import numpy as np


def num_grad(f, x, h=1e-5):
    if x.dtype != np.float64:
        x = x.astype(np.float64)
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += h
        up = f(x)
        x[i] -= 2 * h
        down = f(x)
        x[i] += h
        gradient[i] = (up - down) / (2 * h)
    return gradient

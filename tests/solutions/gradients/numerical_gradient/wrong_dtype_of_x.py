"""Wrong: the points are copies with the dtype of x, in which the step is lost for integers and float32."""
# says: expected a float64 array

import numpy as np


def num_grad(f, x, h=1e-5):
    here = np.array(x)
    grad = np.zeros(here.shape)
    for i in np.ndindex(here.shape):
        up, down = here.copy(), here.copy()
        up[i] += h
        down[i] -= h
        grad[i] = (f(up) - f(down)) / (2 * h)
    return grad

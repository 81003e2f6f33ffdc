"""Wrong: the outputs are flattened to one axis, so their shape is lost."""
# says: You flatten the outputs to one axis. The Jacobian has the

import numpy as np


def jac(f, x, h=1e-5):
    at = np.array(x, dtype=np.float64)
    columns = []
    for place in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[place] += h
        down[place] -= h
        columns.append((np.asarray(f(up), dtype=np.float64) - np.asarray(f(down), dtype=np.float64)) / (2 * h))
    out = columns[0].shape
    return np.stack(columns, axis=-1).reshape((-1,) + at.shape)

"""Wrong: the floor is 1e-8, whatever M."""
# says: The worst entry, its error, and whether it passes, for

import numpy as np
from gradients.numerical_gradient import num_grad


def check(f, df, x, rtol=1e-5):
    a = df(np.array(x, dtype=np.float64))
    if a.shape != x.shape:
        raise ValueError("shape")
    n = num_grad(f, x)
    if a.size == 0:
        return True, (), 0.0
    both = np.stack([a, n])
    good = np.isfinite(both).all(axis=0)
    M = np.abs(np.where(np.isfinite(both), both, 0.0)).max()
    with np.errstate(all="ignore"):
        e = np.abs(a - n) / np.maximum(np.abs(both).max(axis=0), 1e-8)
    e = np.where(a == n, 0.0, e)
    e = np.where(good, e, np.inf)
    worst = tuple(int(i) for i in np.unravel_index(e.argmax(), e.shape))
    return bool(e[worst] <= rtol), worst, float(e[worst])

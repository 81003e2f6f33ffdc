"""Wrong: nothing is stretched to size 0, it thinks, and raises."""
# says: An axis that was stretched to size 0

import numpy as np


def unbroadcast(g, shape):
    n = g.ndim - len(shape)
    if n < 0 or any(w % s if s else w for s, w in zip(shape, g.shape[n:])):
        raise ValueError
    if any(s not in (1, w) for s, w in zip(shape, g.shape[n:])) or g.size < np.prod(shape):
        raise ValueError
    return g.sum(axis=(*range(n), *(n + a for a, s in enumerate(shape) if s == 1))).reshape(shape)

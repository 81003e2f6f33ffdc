"""Wrong: an axis counts as stretched only if it has become longer, so not if it has size 0."""
# says: Where an axis of size 1 was stretched to size 0 you do not

import numpy as np


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = np.asarray(g)
    if len(shape) > g.ndim:
        raise ValueError(f"{shape} has more axes than {g.shape}")
    full = (1,) * (g.ndim - len(shape)) + tuple(shape)
    for have, had in zip(g.shape, full):
        if had != have and had != 1:
            raise ValueError(f"{shape} cannot be broadcast to {g.shape}")
    stretched = tuple(k for k in range(g.ndim) if full[k] < g.shape[k])
    return g.sum(axis=stretched, keepdims=True).reshape(shape)

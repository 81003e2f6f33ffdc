"""Wrong: shapes are lined up at their first axis."""
# says: You line the shapes up at their first axis, and refuse shapes

import numpy as np


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = np.asarray(g)
    if len(shape) > g.ndim:
        raise ValueError(f"{shape} has more axes than {g.shape}")
    full = tuple(shape) + (1,) * (g.ndim - len(shape))
    for have, had in zip(g.shape, full):
        if had != have and had != 1:
            raise ValueError(f"{shape} cannot be broadcast to {g.shape}")
    stretched = tuple(k for k in range(g.ndim) if full[k] != g.shape[k])
    return g.sum(axis=stretched, keepdims=True).reshape(shape)

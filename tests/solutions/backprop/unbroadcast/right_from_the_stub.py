"""Line the shape up with g's by ones in front, find the stretched axes, and sum over all of them at once."""

import numpy as np


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = np.asarray(g)
    if len(shape) > g.ndim:
        raise ValueError(f"{shape} has more axes than {g.shape}")
    full = (1,) * (g.ndim - len(shape)) + tuple(shape)
    for have, had in zip(g.shape, full):
        if had != have and had != 1:
            raise ValueError(f"{shape} cannot be broadcast to {g.shape}")
    stretched = tuple(k for k in range(g.ndim) if full[k] != g.shape[k])
    return g.sum(axis=stretched, keepdims=True).reshape(shape)

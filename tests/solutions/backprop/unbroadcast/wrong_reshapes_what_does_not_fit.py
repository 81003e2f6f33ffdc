"""Wrong: sizes that do not fit are not refused, only reshaped."""
# says: A ValueError has to say so

import numpy as np


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = np.asarray(g)
    if len(shape) > g.ndim:
        raise ValueError(f"{shape} has more axes than {g.shape}")
    full = (1,) * (g.ndim - len(shape)) + tuple(shape)
    stretched = tuple(k for k in range(g.ndim) if full[k] == 1)
    return g.sum(axis=stretched, keepdims=True).reshape(shape)

"""Style: einsum over lines moved to the end."""

import numpy as np


def softmax_vjp(s, dy, axis):
    p = np.moveaxis(s, axis, -1)
    g = np.moveaxis(dy, axis, -1)
    dot = np.einsum("...i,...i->...", p, g)
    return np.moveaxis(p * (g - dot[..., None]), -1, axis)

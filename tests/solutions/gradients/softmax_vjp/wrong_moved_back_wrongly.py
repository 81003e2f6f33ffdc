"""Wrong: np.moveaxis(dx, axis, -1) to bring the axis back, which is its inverse only for two axes or fewer."""
# says: has the shape (2, 3, 4), expected (3, 4, 2)

import numpy as np


def softmax_vjp(s, dy, axis):
    p, g = np.moveaxis(s, axis, -1), np.moveaxis(dy, axis, -1)
    dx = p * (g - (p * g).sum(-1, keepdims=True))
    return np.moveaxis(dx, axis, -1)

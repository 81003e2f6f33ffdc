"""Wrong: dy -= ..., which changes its caller's array."""
# says: dy after the call (it must not be changed in place)

import numpy as np


def softmax_vjp(s, dy, axis):
    dy -= np.sum(s * dy, axis=axis, keepdims=True)
    dy *= s
    return dy

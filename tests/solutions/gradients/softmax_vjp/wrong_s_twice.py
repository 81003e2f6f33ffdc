"""Wrong: multiplies by s once too often."""
# says: The gradient dx with axis=1

import numpy as np


def softmax_vjp(s, dy, axis):
    ds = s * (dy - np.sum(s * dy, axis=axis, keepdims=True))
    return s * ds

"""Wrong: multiplies by s once too often."""
# says: You multiply by s once too often: dx is s · (dy - Σ sᵢ

import numpy as np


def softmax_vjp(s, dy, axis):
    ds = s * (dy - np.sum(s * dy, axis=axis, keepdims=True))
    return s * ds

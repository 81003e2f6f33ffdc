"""Wrong: computes in float64 and forgets to cast back."""
# says: has the dtype float64, expected float32

import numpy as np


def softmax_vjp(s, dy, axis):
    s, dy = np.float64(s), np.float64(dy)
    return s * (dy - np.sum(s * dy, axis=axis, keepdims=True))

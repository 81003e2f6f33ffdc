"""Wrong: takes the largest dy of each line away 'for stability'; a huge dy at a masked token drowns all others."""
# says: You take the largest dy of each line away first

import numpy as np


def softmax_vjp(s, dy, axis):
    if s.shape[axis] == 0:
        return np.zeros_like(s)
    g = dy - dy.max(axis=axis, keepdims=True)
    return s * (g - np.sum(s * g, axis=axis, keepdims=True))

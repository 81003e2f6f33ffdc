"""Wrong: the sum goes along the last axis, whatever axis says."""
# says: Your sum always goes along the last axis. It has to go along

import numpy as np


def softmax_vjp(s, dy, axis):
    mean = np.sum(s * dy, axis=-1, keepdims=True)
    return s * (dy - mean)

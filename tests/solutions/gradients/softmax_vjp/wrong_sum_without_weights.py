"""Wrong: the sum along the axis is of dy alone, without its factor s."""
# says: You subtract the plain sum of dy. In the sum each dyᵢ is

import numpy as np


def softmax_vjp(s, dy, axis):
    mean = np.sum(dy, axis=axis, keepdims=True)
    return s * (dy - mean)

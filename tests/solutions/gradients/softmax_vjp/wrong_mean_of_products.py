"""Wrong: mean in place of sum along the axis."""
# says: it does not average them

import numpy as np


def softmax_vjp(s, dy, axis):
    return s * (dy - np.mean(s * dy, axis=axis, keepdims=True))

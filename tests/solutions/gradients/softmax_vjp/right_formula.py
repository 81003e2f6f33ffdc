"""Style: the formula, NumPy broadcasting."""

import numpy as np


def softmax_vjp(s, dy, axis):
    return s * (dy - np.sum(s * dy, axis=axis, keepdims=True))

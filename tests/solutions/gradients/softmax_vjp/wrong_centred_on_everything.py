"""Wrong: takes the mean of the whole dy away first; harmless in theory, but small lines lose their digits to large ones."""
# says: Lines of very different scale are each as accurate as their own numbers

import numpy as np


def softmax_vjp(s, dy, axis):
    dy = dy - dy.mean() if dy.size else dy
    return s * (dy - np.sum(s * dy, axis=axis, keepdims=True))

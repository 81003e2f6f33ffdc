"""Wrong: s dy (1 - sum / dy), right on paper, but 0 / 0 wherever dy is 0."""
# says: NaN where a number was expected

import numpy as np


def softmax_vjp(s, dy, axis):
    with np.errstate(all="ignore"):
        product = s * dy
        return product * (1 - product.sum(axis=axis, keepdims=True) / dy)

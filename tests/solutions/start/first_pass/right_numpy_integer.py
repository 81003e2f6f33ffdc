"""Style: NumPy's argmax, its np.int64 returned as it comes."""

import numpy as np


def next_token(scores):
    return np.argmax(scores)

"""Style: every term of the sum in one array, summed over the last axis."""

import numpy as np


def grad(A: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    symmetric = 0.5 * (A + np.transpose(A))
    return np.add(2.0 * np.sum(symmetric * x[..., np.newaxis, :], axis=-1), b)

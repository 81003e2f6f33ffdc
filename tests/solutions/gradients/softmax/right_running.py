"""Style: the online softmax, one score after the other with a running maximum and sum."""

import math

import numpy as np


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    out = np.zeros(x.shape, np.result_type(x.dtype, np.float32) if x.dtype.kind == "f" else np.float64)
    for place in np.ndindex(*np.delete(np.array(x.shape), axis)):
        index = list(place)
        index.insert(axis % x.ndim, slice(None))
        line = x[tuple(index)]
        m, total = -math.inf, 0.0
        for score in map(float, line):
            if score > m:
                total *= math.exp(m - score)
                m = score
            if score > -math.inf:
                total += math.exp(score - m)
        if total:
            out[tuple(index)] = [math.exp(float(score) - m) / total for score in line]
    return out

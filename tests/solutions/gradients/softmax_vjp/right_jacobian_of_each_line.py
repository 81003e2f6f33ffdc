"""Style: the Jacobian of each line, multiplied out by matmul; wasteful for a vocabulary, right all the same."""

import numpy as np


def softmax_vjp(s, dy, axis):
    p = np.swapaxes(s, axis, -1)
    g = np.swapaxes(dy, axis, -1)
    jacobian = p[..., :, None] * (np.eye(p.shape[-1], dtype=s.dtype) - p[..., None, :])
    return np.swapaxes(np.matmul(g[..., None, :], jacobian)[..., 0, :], axis, -1)

"""Wrong: one Jacobian for the whole array flattened, so the lines mix."""
# says: Each line along `axis` has a sum of its own

import numpy as np


def softmax_vjp(s, dy, axis):  # noqa: ARG001
    p = s.ravel()
    jacobian = np.diag(p) - np.outer(p, p)
    return (dy.ravel() @ jacobian).reshape(s.shape)

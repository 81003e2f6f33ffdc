"""Wrong: `.T`, which turns all the axes round."""
# says: Only the last two are to be exchanged

import numpy as np


def matmul_back(dC, A, B):
    a = A[None, :] if A.ndim == 1 else A
    b = B[:, None] if B.ndim == 1 else B
    if B.ndim == 1:
        dC = np.expand_dims(dC, -1)
    if A.ndim == 1:
        dC = np.expand_dims(dC, -2)
    out = []
    for g, x in ((np.matmul(dC, b.T), A), (np.matmul(a.T, dC), B)):
        core = min(x.ndim, 2)
        if core == 1:
            g = g[..., 0, :] if x is A else g[..., 0]
        while g.ndim > x.ndim:
            g = g.sum(0)
        for i in range(x.ndim - core):
            if x.shape[i] == 1:
                g = g.sum(i, keepdims=True)
        out.append(g)
    return tuple(out)

"""Wrong: its unbroadcast looks at the last two axes as well; a row or column there is never stretched, but a vector is taken for one."""
# says: for A of shape


def unbroadcast(g, shape):
    while g.ndim > len(shape):
        g = g.sum(0)
    for i, n in enumerate(shape):
        if n == 1:
            g = g.sum(i, keepdims=True)
    return g


def matmul_back(dC, A, B):
    if B.ndim == 1:
        dC = dC[..., None]
    if A.ndim == 1:
        dC = dC[..., None, :]
    a = A[None, :] if A.ndim == 1 else A
    b = B[:, None] if B.ndim == 1 else B
    return unbroadcast(dC @ b.swapaxes(-1, -2), A.shape), unbroadcast(a.swapaxes(-1, -2) @ dC, B.shape)

"""Wrong: averages over the batch axes that were broadcast."""
# says: You take the mean over the batch


def matmul_back(dC, A, B):
    a = A[None, :] if A.ndim == 1 else A
    b = B[:, None] if B.ndim == 1 else B
    if B.ndim == 1:
        dC = dC[..., None]
    if A.ndim == 1:
        dC = dC[..., None, :]

    def down(g, x, shape):
        if g.size == 0:
            return g.sum(axis=tuple(range(g.ndim - x.ndim))).reshape(shape) if x.size == 0 else x.reshape(shape) * 0
        g = g.mean(axis=tuple(range(g.ndim - x.ndim)))
        ones = tuple(i for i in range(x.ndim - 2) if x.shape[i] == 1)
        return g.mean(axis=ones, keepdims=True).reshape(shape)

    return down(dC @ b.swapaxes(-1, -2), a, A.shape), down(a.swapaxes(-1, -2) @ dC, b, B.shape)

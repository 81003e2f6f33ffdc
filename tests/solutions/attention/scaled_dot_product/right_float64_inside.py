"""Style: computes in float64 and casts back to the dtype of Q."""


def sdpa(Q, K, V, mask=None):
    q, k, v = Q.double(), K.double(), V.double()
    S = (q @ k.mT) * (q.shape[-1] ** -0.5)
    if mask is None:
        return (S.softmax(-1) @ v).to(Q.dtype)
    hidden = mask.logical_not()
    S = S.masked_fill(hidden, -1e300)
    return (S.softmax(-1).masked_fill(hidden, 0) @ v).to(Q.dtype)

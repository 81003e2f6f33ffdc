"""Style: one query at a time, only over the keys it sees, gradients summed up."""

import numpy as np


def one(dO, Q, K, V, keep):
    d_k = Q.shape[1]
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for i in range(len(Q)):
        ids = np.nonzero(keep[i])[0]
        if len(ids) == 0:
            continue
        s = K[ids] @ Q[i] / d_k**0.5
        e = np.exp(s - max(s))
        p = e / e.sum()
        dp = V[ids] @ dO[i]
        ds = p * (dp - p @ dp) / d_k**0.5
        dQ[i] = ds @ K[ids]
        for n, j in enumerate(ids):
            dK[j] += ds[n] * Q[i]
            dV[j] += p[n] * dO[i]
    return dQ, dK, dV


def sdpa_backward(dO, Q, K, V, mask=None):
    shape = Q.shape[:-1] + (K.shape[-2],)
    keep = np.ones(shape, bool) if mask is None else np.broadcast_to(mask, shape)
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for at in np.ndindex(*Q.shape[:-2]):
        dQ[at], dK[at], dV[at] = one(dO[at], Q[at], K[at], V[at], keep[at])
    return dQ, dK, dV

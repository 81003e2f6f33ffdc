"""Style: leading axes flattened into one, einsum, a finite fill and np.nan_to_num-free zeroing by the mask."""

import math

import numpy as np


def sdpa_backward(dO, Q, K, V, mask=None):
    lead, (n_q, d_k), (n_k, d_v) = Q.shape[:-2], Q.shape[-2:], V.shape[-2:]
    b = math.prod(lead)
    q, k, v, g = Q.reshape(b, n_q, d_k), K.reshape(b, n_k, d_k), V.reshape(b, n_k, d_v), dO.reshape(b, n_q, d_v)
    hide = np.zeros((b, n_q, n_k), bool)
    if mask is not None:
        hide = ~np.broadcast_to(mask, (*lead, n_q, n_k)).reshape(b, n_q, n_k)
    s = np.einsum("bqd,bkd->bqk", q, k) / math.sqrt(d_k)
    s[hide] = -1e30
    if n_k:
        s -= s.max(axis=2)[:, :, None]
    p = np.exp(s)
    p[hide] = 0
    z = p.sum(axis=2, keepdims=True)
    z[z == 0] = 1
    p /= z
    o = p @ v
    ds = p * (g @ v.transpose(0, 2, 1) - (g * o).sum(axis=2, keepdims=True)) / math.sqrt(d_k)
    dq, dk, dv = ds @ k, ds.transpose(0, 2, 1) @ q, p.transpose(0, 2, 1) @ g
    return dq.reshape(Q.shape), dk.reshape(K.shape), dv.reshape(V.shape)

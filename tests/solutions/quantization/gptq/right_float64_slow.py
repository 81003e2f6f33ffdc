"""All in float64; U row by row out of inverses of what is left; the shifts gathered instead of written."""

import math

import torch


def hessian(X, damp):
    x = X.double()
    H = sum(torch.outer(row, row) for row in x) * (2.0 / len(x))
    d = [float(v) if float(v) != 0.0 else 1.0 for v in H.diagonal()]
    lam = damp * sum(d) / len(d)
    for j, v in enumerate(d):
        H[j, j] = v + lam
    return H.to(X.dtype)


def inverse_factor(H):
    h, k = H.double(), len(H)
    U = torch.zeros(k, k, dtype=torch.float64)
    for j in range(k):
        inv = torch.linalg.inv(h[j:, j:])
        U[j, j:] = inv[0] / math.sqrt(float(inv[0, 0]))
    return U.to(H.dtype)


def quantize_block(W, U, scale, bits):
    top = 2 ** (bits - 1) - 1
    w, u, s = W.double(), U.double(), scale.double().reshape(-1)
    E, q = torch.zeros_like(w), torch.zeros(W.shape, dtype=torch.int8)
    for j in range(w.shape[1]):
        now = w[:, j] - (E * u[:, j]).sum(1)
        code = (now / s).round().clamp(-top, top)
        E[:, j], q[:, j] = (now - s * code) / u[j, j], code.to(torch.int8)
    return q, E.to(W.dtype)


def gptq(W, X, bits, block=128, damp=0.01, act_order=False):
    top = 2 ** (bits - 1) - 1
    scale = torch.stack([row.abs().max() / top if row.any() else row.new_tensor(1.0) for row in W])[:, None]
    w, H = W.double(), hessian(X.double(), damp)
    k = W.shape[1]
    p = sorted(range(k), key=lambda j: float(H[j, j]), reverse=True) if act_order else list(range(k))
    U = inverse_factor(H[p][:, p])
    codes = torch.zeros(W.shape, dtype=torch.int8)
    E = w.new_zeros(len(w), 0)
    for a in range(0, k, block):
        part = p[a : a + block]
        b = a + len(part)
        q, e = quantize_block(w[:, part] - E @ U[:a, a:b], U[a:b, a:b], scale.double(), bits)
        codes[:, part] = q
        E = torch.cat([E, e], 1)
    return codes, scale

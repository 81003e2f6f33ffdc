"""Style: float64 inside, cast back at both ends; the backward as two projections."""

import numpy as np


def ln_forward(x, gamma, beta, eps):
    wide = np.asarray(x, dtype=np.float64)
    deviation = wide - wide.mean(-1)[..., np.newaxis]
    scale = np.sqrt(np.square(deviation).mean(-1) + eps)[..., np.newaxis]
    normal = deviation / scale
    y = normal * gamma.astype(np.float64) + beta.astype(np.float64)
    return y.astype(x.dtype), {"normal": normal, "scale": scale, "gamma": gamma.astype(np.float64)}


def ln_backward(dy, cache):
    normal = cache["normal"]
    wide = dy.astype(np.float64)
    g = wide * cache["gamma"]
    g = g - g.mean(-1, keepdims=True)
    g = g - normal * np.mean(g * normal, axis=-1, keepdims=True)
    lead = tuple(range(dy.ndim - 1))
    out = g / cache["scale"], (wide * normal).sum(lead), wide.sum(lead)
    return tuple(part.astype(dy.dtype) for part in out)
